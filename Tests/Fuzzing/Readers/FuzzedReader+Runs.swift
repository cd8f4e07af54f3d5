import Autograd
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushRuntime
import SwiftBrushTestFixtures
import Tensor

extension FuzzedReader {
    static let runs: [FuzzedReader] = [
        FuzzedReader("teacher-pairs", .safetensors, seeds: []) { folder in
            let file = folder.appending(path: "pairs.safetensors")
            return { input in
                try input.replace(file)
                _ = try TeacherPairs(contentsOf: file, prompts: ["a cat", "a dog"])
            }
        }.startingWith { file in
            let latents = Tensor.zeros([2, 3, 2, 4])
            try TeacherPairs(noise: latents, pictures: latents, prompts: [1, 0]).save(
                to: file, prompts: ["a dog", "a cat"])
        },
        FuzzedReader("run-checkpoint", .safetensors, seeds: []) { folder in
            let file = folder.appending(path: "checkpoint.safetensors")
            let distiller = try smallDistiller()
            return { input in
                try input.replace(file)
                try distiller.restoreCheckpoint(from: file)
            }
        }.startingWith { file in
            let distiller = try smallDistiller()
            try distiller.saveCheckpoint(to: file)
        },
        FuzzedReader("run-configuration", .json, seeds: []) { folder in
            try Data().write(to: folder.appending(path: "run.lock"))
            return { input in
                try input.replace(folder.appending(path: "configuration.json"))
                let run = try RunDirectory(folder, resuming: true)
                _ = (try? run.loss(), try run.settings())
            }
        }.startingWith { file in
            let encoder = JSONEncoder()
            try encoder.encode(smallDistiller().record()).write(to: file)
        },
        FuzzedReader("run-metrics", .jsonLines, texts: [metrics]) { folder in
            try Data().write(to: folder.appending(path: "run.lock"))
            return { input in
                try input.replace(folder.appending(path: "metrics.jsonl"))
                _ = try RunDirectory(folder, resuming: true).metrics()
                _ = try RunReport(of: folder).html
            }
        },
    ]

    private static let metrics = """
        {"step": 1, "samplesSeen": 4, "studentLoss": 0.25, "fakeScoreLoss": 1.5, "seconds": {"student": 0.5}, "peakBytes": 1024}
        {"step": 2, "samplesSeen": 8, "studentLoss": 0.125, "fakeScoreLoss": 1.25, "seconds": {"student": 0.5}}
        """

    private static func smallDistiller() throws -> Distiller {
        let folder = Fixtures.url("distillation/unet")
        let settings = try JSONDecoder().decode(
            UNet2DConditionModel.Configuration.self, from: Data(contentsOf: folder.appending(path: "config.json")))
        let parameters = ParameterSet()
        let teacher = UNet2DConditionModel(settings, in: parameters.scope)
        try parameters.load(SafetensorsFile(contentsOf: folder.appending(path: "diffusion_pytorch_model.safetensors")))
        parameters.freeze()
        var configuration = DistillationConfiguration()
        configuration.batchSize = 1
        configuration.fakeScoreWeights = .copy
        let student = UNet2DConditionModel(settings, in: teacher.parameters.copy(trainable: true).scope)
        let text = Tensor.zeros([2, 4, settings.crossAttentionWidths[0]])
        return try Distiller(
            student: OneStepStudent(network: student, step: .swiftBrush), teacher: teacher,
            fakeScore: FakeScore(copying: teacher), schedule: .scaledLinear(),
            conditions: try PromptConditions(
                TextCondition(tokens: text), null: TextCondition(tokens: text.sliced(axis: 0, 0..<1))),
            latentShape: [8, 8, 4],
            loss: VariationalScoreDistillation(), configuration: configuration)
    }
}
