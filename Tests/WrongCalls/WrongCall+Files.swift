import DiffusionModels
import Distillation
import Foundation
import SwiftBrushEvaluation
import SwiftBrushRuntime
import SwiftBrushTeachers
import SwiftBrushTestFixtures
import Tensor

extension WrongCall {
    /// Files of prompts, captions, latents, embeddings, LoRAs and runs.
    static let files: [WrongCall] = texts + tensorFiles + loRAs + runs

    private static func captions(_ name: String, _ parts: String..., lines: String, picture: Data? = nil) -> WrongCall {
        WrongCall("captions: \(name)", parts: parts) { bench in
            let folder = try bench.emptyFolder()
            try Data(lines.utf8).write(to: folder.appending(path: "metadata.jsonl"))
            let data = try picture ?? PNG.encode(Picture(width: 4, height: 4, pixels: Array(repeating: 1, count: 48)))
            try data.write(to: folder.appending(path: "a.png"))
            try PNG.write(
                Picture(width: 2, height: 2, pixels: Array(repeating: 1, count: 12)),
                to: folder.appending(path: "small.png"))
            _ = try CaptionedPictures(contentsOf: folder)
        }
    }

    private static let texts: [WrongCall] = [
        WrongCall("prompt file: none", "prompts.txt", "missing") { bench in
            _ = try PromptFile.read(bench.path("prompts.txt"))
        },
        WrongCall("prompt file: empty", "prompts.txt") { bench in
            _ = try PromptFile.read(bench.file("", "prompts.txt"))
        },
        WrongCall("prompt file: not UTF-8", "prompts.txt", "UTF-8") { bench in
            _ = try PromptFile.read(bench.file(Data([0xff, 0xfe, 0x00]), "prompts.txt"))
        },
        WrongCall("prompt file: a folder", "cannot be read", "not a file") { bench in
            _ = try PromptFile.read(bench.emptyFolder())
        },
        WrongCall("captions: a folder without a list", "metadata.jsonl") { bench in
            _ = try CaptionedPictures(contentsOf: bench.emptyFolder())
        },
        captions("not JSON", "metadata.jsonl", lines: "text\n"),
        captions("without text", "text", "a.png", "none", lines: #"{"file_name": "a.png"}"#),
        captions("an unknown split", "split", "test", lines: #"{"file_name": "a.png", "text": "a", "split": "test"}"#),
        captions("a picture that is missing", "b.png", lines: #"{"file_name": "b.png", "text": "b"}"#),
        captions("a picture outside the folder", "..", lines: #"{"file_name": "../../a.png", "text": "a"}"#),
        captions("a weight that is negative", "weight", lines: #"{"file_name": "a.png", "text": "a", "weight": -1}"#),
        captions(
            "weights of 0 alone", "positive weight", "none", lines: #"{"file_name": "a.png", "text": "a", "weight": 0}"#
        ),
        captions(
            "a picture that is damaged", "a.png", lines: #"{"file_name": "a.png", "text": "a"}"#, picture: Data([1, 2])),
        captions(
            "pictures of different sizes", "small.png", "4 × 4", "2 × 2",
            lines: #"{"file_name": "a.png", "text": "a"}"# + "\n" + #"{"file_name": "small.png", "text": "b"}"#),
    ]

    private static let tensorFiles: [WrongCall] = [
        WrongCall("latents: of another rank", "latents", "[4, 4]") { bench in
            _ = try LatentsFile.read(bench.safetensors([("latents", .zeros([4, 4]))]))
        },
        WrongCall("latents: not finite", "finite", "1") { bench in
            var latents = Tensor.zeros([1, 4, 2, 2])
            latents[0, 0, 0, 0] = .infinity
            _ = try LatentsFile.read(bench.safetensors([("latents", latents)]))
        },
        WrongCall("latents: another tensor", "latents") { bench in
            _ = try LatentsFile.read(bench.safetensors([("other", .zeros([1, 4, 2, 2]))]))
        },
        WrongCall("embeddings: another file") { bench in
            _ = try PromptEmbeddings(contentsOf: bench.safetensors([("other", .zeros([1]))]))
        },
        WrongCall("embeddings: of another encoder") { bench in
            let other = try bench.own(isStudent: false).embeddings(for: ["a"])
            _ = try bench.teacher.get().keeping(other)
        },
        WrongCall("embeddings: a prompt that is not embedded", "prompt", "one of the 1", "\"b\"") { bench in
            _ = try bench.teacher.get().embeddings(for: ["a"]).condition(for: ["b"])
        },
        WrongCall("textual inversion: two tensors", "textual inversion", "a, b") { bench in
            _ = try TextualInversion(contentsOf: bench.safetensors([("a", .zeros([4])), ("b", .zeros([4]))]))
        },
        WrongCall("textual inversion: of rank 3", "embeddings [vectors, width]", "[1, 1, 4]") { _ in
            _ = try TextualInversion(token: "<cat>", vectors: .zeros([1, 1, 4]))
        },
        WrongCall("textual inversion: NaN", "finite", "1 numbers") { _ in
            _ = try TextualInversion(token: "<cat>", vectors: Tensor([.nan, 0], shape: [2]))
        },
        WrongCall("pairs: another file", "pairs", "none") { bench in
            _ = try TeacherPairs(contentsOf: bench.safetensors([("noise", .zeros([1]))]), prompts: ["a"])
        },
        WrongCall("pairs: prompts that are missing", "1 prompts", "\"b\"") { bench in
            let (latents, file) = (Tensor.zeros([1, 2, 2, 4]), bench.path())
            try TeacherPairs(noise: latents, pictures: latents, prompts: [0]).save(to: file, prompts: ["b"])
            _ = try TeacherPairs(contentsOf: file, prompts: ["a"])
        },
        WrongCall("pairs: noise and images of other shapes", "TeacherPairs.pictures", "[1, 2, 2, 4]", "[1, 2, 2, 3]") {
            _ in
            _ = try TeacherPairs(noise: .zeros([1, 2, 2, 4]), pictures: .zeros([1, 2, 2, 3]), prompts: [0])
        },
        WrongCall("pairs: another number of prompts", "TeacherPairs.noise", "[2, ", "[1, 2, 2, 4]") { _ in
            _ = try TeacherPairs(noise: .zeros([1, 2, 2, 4]), pictures: .zeros([1, 2, 2, 4]), prompts: [0, 1])
        },
        WrongCall("real latents: none", "RealLatents.latents", "one per prompt", "[0, 2, 2, 4]") { _ in
            _ = try RealLatents(latents: .zeros([0, 2, 2, 4]), prompts: [])
        },
        WrongCall("real latents: NaN", "RealLatents.latents", "finite", "1") { _ in
            _ = try RealLatents(latents: Tensor([.nan], shape: [1, 1, 1, 1]), prompts: [0])
        },
        WrongCall("statistics: not a zip file") { bench in
            _ = try FeatureStatistics(contentsOf: bench.file("text", "statistics.npz"))
        },
        WrongCall("statistics: a folder") { bench in _ = try FeatureStatistics(contentsOf: bench.emptyFolder()) },
    ]

    private static let loRAs: [WrongCall] = [
        WrongCall("LoRA: no file") { bench in _ = try LowRankWeights(contentsOf: bench.path("lora.safetensors")) },
        WrongCall("LoRA: a file without factors") { bench in
            _ = try LowRankWeights(contentsOf: bench.safetensors([("other", .zeros([2, 2]))]))
        },
        WrongCall("LoRA: an empty folder") { bench in _ = try LowRankWeights(contentsOf: bench.emptyFolder()) },
        WrongCall("LoRA: for another model") { bench in
            var model = try bench.teacher.get()
            try LowRankWeights(contentsOf: Fixtures.url("adapters/adapter")).merge(into: &model)
        },
        WrongCall("LoRA: a weight of NaN") { bench in
            var model = try TextToImageModel(contentsOf: bench.model("a"))
            try LowRankWeights(contentsOf: Fixtures.url("adapters/adapter")).merge(into: &model, weight: .nan)
        },
        WrongCall("LoRA: a LoHa with one of its two products", "hada_w2_a", "lora_unet_conv_in.hada_w1_a") { bench in
            _ = try LowRankWeights(
                contentsOf: bench.safetensors([
                    ("lora_unet_conv_in.hada_w1_a", .zeros([4, 2])), ("lora_unet_conv_in.hada_w1_b", .zeros([2, 4])),
                ]))
        },
        WrongCall("LoRA: norms of another number", "one norm per output or input", "[3]") { bench in
            _ = try LowRankWeights(
                contentsOf: bench.safetensors([
                    ("lora_unet_conv_in.lora_down.weight", .zeros([2, 4])),
                    ("lora_unet_conv_in.lora_up.weight", .zeros([4, 2])),
                    ("lora_unet_conv_in.dora_scale", .zeros([3])),
                ]))
        },
        WrongCall("LoRA: saving a LoKr as a LoRA", "LoRA's", "LoKr") { bench in
            let model = try TextToImageModel(contentsOf: bench.model("a"))
            try LowRankWeights(contentsOf: Fixtures.url("adapters/kinds/lokr"))
                .save(to: bench.path("saved"), as: .diffusers, for: model)
        },
        WrongCall("LoRA: a student's timesteps that are no JSON", "one_step", "not valid JSON") { bench in
            _ = try LowRankWeights(contentsOf: bench.studentLoRA("{"))
        },
        WrongCall("LoRA: a student's timesteps without alpha-bar", "one_step", "cumulative_alpha") { bench in
            _ = try LowRankWeights(contentsOf: bench.studentLoRA(#"{"timestep": 999}"#))
        },
        WrongCall("LoRA: of a student, merged into one at another timestep", "timestep 625", "timestep 999") { bench in
            var model = try TextToImageModel(contentsOf: bench.model("a")).untrainedStudent()
            try LowRankWeights(contentsOf: bench.studentLoRA(#"{"timestep": 625, "cumulative_alpha": 0.1378}"#))
                .merge(into: &model)
        },
        WrongCall("LoRA: factors that are cut short", "data_offsets") { bench in
            let folder = bench.path("adapter")
            try FileManager.default.copyItem(at: Fixtures.url("adapters/adapter"), to: folder)
            let file = folder.appending(path: "adapter_model.safetensors")
            let data = try Data(contentsOf: file)
            try FileManager.default.removeItem(at: file)
            try data.dropLast(10).write(to: file)
            _ = try LowRankWeights(contentsOf: folder)
        },
    ]

    private static let runs: [WrongCall] = [
        WrongCall("run: the settings of an empty folder", "settings of a run", "none") { bench in
            _ = try RunDirectory(bench.emptyFolder(), resuming: true).settings()
        },
        WrongCall("run: a folder with other files") { bench in
            let folder = try bench.emptyFolder()
            try Data("text".utf8).write(to: folder.appending(path: "notes.txt"))
            _ = try RunDirectory(folder, resuming: false)
        },
        WrongCall("run: a file in place of the folder") { bench in
            _ = try RunDirectory(bench.file("text"), resuming: false).claim()
        },
        WrongCall("run: resumed with other settings", "batchSize", "2", "3") { bench in
            let folder = bench.path("run")
            try RunDirectory(folder, resuming: false).begin(bench.distiller())
            try RunDirectory(folder, resuming: true).begin(bench.distiller { $0.batchSize = 3 })
        },
        WrongCall("run: checkpoints every 0 steps", "RunDirectory.train", "checkpointEvery", "at least 1", "0") {
            bench in
            let (run, distiller) = (try RunDirectory(bench.path("run"), resuming: false), try bench.distiller())
            try run.begin(distiller)
            try run.train(distiller, iterations: 1, checkpointEvery: 0, stopsOnSignals: false)
        },
        WrongCall("run: sheets every -1 steps", "RunDirectory.train", "sheetEvery", "at least 1", "-1") { bench in
            let (run, distiller) = (try RunDirectory(bench.path("run"), resuming: false), try bench.distiller())
            try run.begin(distiller)
            try run.train(distiller, iterations: 1, checkpointEvery: 1, sheetEvery: -1, stopsOnSignals: false)
        },
        WrongCall("run: measurements every 0 steps", "RunDirectory.train", "measurement", "at least 1", "0") { bench in
            let (run, distiller) = (try RunDirectory(bench.path("run"), resuming: false), try bench.distiller())
            try run.begin(distiller)
            try run.train(
                distiller, iterations: 1, checkpointEvery: 1, measurement: RunMeasurement("own", every: 0) { 1 },
                stopsOnSignals: false)
        },
        WrongCall("checkpoint: of another training", "checkpoint", "expected", "found") { bench in
            let file = bench.path("checkpoint.safetensors")
            try bench.distiller().saveCheckpoint(to: file)
            try bench.distiller { $0.adapterRank = 3 }.restoreCheckpoint(from: file)
        },
        WrongCall("checkpoint: of a training with more prompts", "state of this run") { bench in
            let file = bench.path("checkpoint.safetensors")
            let longer = try bench.distiller(prompts: ["a", "b", "c", "d", "e", "f", "g", "h"])
            for _ in 0..<3 { try longer.step() }
            try longer.saveCheckpoint(to: file)
            try bench.distiller().restoreCheckpoint(from: file)
        },
        WrongCall("checkpoint: any safetensors file", "checkpoint of this run") { bench in
            try bench.distiller().restoreCheckpoint(from: bench.safetensors([("a", .zeros([1]))]))
        },
        WrongCall("checkpoint: a flipped bit", "checkpoint.safetensors") { bench in
            let file = bench.path("checkpoint.safetensors")
            try bench.distiller().saveCheckpoint(to: file)
            var data = try Data(contentsOf: file)
            data[data.count - 100] ^= 1
            try bench.distiller().restoreCheckpoint(from: bench.file(data, "checkpoint.safetensors"))
        },
    ]
}
