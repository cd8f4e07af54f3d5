import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Published students", .highestPrecision)
final class PublishedStudentTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "students-\(UUID().uuidString)")
    private let teacher = Fixtures.package.appending(path: "Examples/Models/emoji-teacher")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Writes a folder like the teacher's with some fields of its configurations changed. Weights are linked.
    private func model(_ name: String, _ changes: [String: [String: JSONValue]] = [:]) throws -> URL {
        let (files, target) = (FileManager.default, folder.appending(path: name))
        for part in ["unet", "scheduler", "vae", "text_encoder", "tokenizer"] {
            try files.createDirectory(at: target.appending(path: part), withIntermediateDirectories: true)
            for name in try files.contentsOfDirectory(atPath: teacher.appending(path: part).path) {
                try files.createSymbolicLink(
                    at: target.appending(path: "\(part)/\(name)"),
                    withDestinationURL: teacher.appending(path: "\(part)/\(name)"))
            }
        }
        for path in Set(changes.keys).union([DiffusersFolder.indexName]) {
            let fields = try ConfigurationFields(contentsOf: teacher.appending(path: path), purpose: "a test's model")
                .values
            let file = target.appending(path: path)
            if files.fileExists(atPath: file.path) { try files.removeItem(at: file) }
            try JSONValue.object(fields.merging(changes[path] ?? [:]) { $1 }).write(to: file)
        }
        return target
    }

    /// A LoRA's folder in diffusers' layout.
    private func lora(_ name: String) throws -> URL {
        let target = folder.appending(path: name)
        try FileManager.default.copyItem(at: Fixtures.url("relatives/lcm-lora"), to: target)
        return target
    }

    private static let trailing: [String: JSONValue] = [
        "_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing",
    ]

    /// The name of a file or folder, and changes of configurations, as published.
    private static let published:
        [(student: PublishedStudent, name: String, [String: [String: JSONValue]], words: String)] = [
            (.swiftBrush, "swiftbrush", [:], "its name"),
            (.swiftBrush2, "mine", ["unet/config.json": ["_name_or_path": "SwiftBrushV2/unet"]], "unet/config.json"),
            (
                .turbo, "mine",
                ["scheduler/scheduler_config.json": trailing, "unet/config.json": ["cross_attention_dim": 1024]],
                "scheduler"
            ),
            (.turbo, "mine", ["model_index.json": ["_name_or_path": "stabilityai/sd-turbo"]], "model_index.json"),
            (
                .turboXL, "mine",
                [
                    "model_index.json": ["_class_name": "StableDiffusionXLPipeline"],
                    "scheduler/scheduler_config.json": trailing.merging([
                        "_class_name": "EulerAncestralDiscreteScheduler"
                    ]) { $1 },
                ], "scheduler"
            ),
            (.dmd2OneStep, "dmd2_sdxl_1step_unet", [:], "its name"),
            (.dmd2FourSteps, "dmd2_sdxl_4step_unet", [:], "its name"),
            (.sidLSG, "SiD-LSG", [:], "its name"),
            (.hyperOneStep, "Hyper-SDXL-1step-Unet", [:], "its name"),
            (
                .sdxs, "mine",
                [
                    "unet/config.json": [
                        "mid_block_type": .null, "layers_per_block": 1,
                        "down_block_types": .array(["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"]),
                    ]
                ], "no middle block"
            ),
            (.lcm, "mine", ["unet/config.json": ["time_cond_proj_dim": 256]], "time_cond_proj_dim 256"),
        ]

    @Test(
        "A folder like each published model is recognised, and inspection says how it is sampled",
        arguments: published.indices)
    func folders(index: Int) throws {
        let (student, name, changes, words) = Self.published[index]
        let url = try model(name, changes)
        let found = try #require(RecognizedStudent(at: url))
        #expect(found.student == student)
        #expect(found.evidence.contains(words), "\(found.evidence)")
        let text = CheckpointSummary(of: url).description.split(separator: "\n").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        .joined(separator: " ")
        #expect(text.contains("looks like \(student.name), of \(student.teacher)"), "\(text)")
        #expect(text.contains(student.sampling), "\(text)")
        #expect(text.contains("text-to-image without --steps"), "\(text)")
    }

    @Test(
        "A LoRA named like each published one is recognised",
        arguments: [
            (PublishedStudent.lcmLoRA, "lcm-lora-sdv1-5"), (.hyperUnified, "Hyper-SD15-1step-lora"),
            (.hyperTwoSteps, "Hyper-SD15-2steps-lora"), (.hyperFourSteps, "Hyper-SD15-4steps-lora"),
            (.dmd2FourSteps, "dmd2_sdxl_4step_lora"),
        ])
    func adapters(student: PublishedStudent, name: String) throws {
        let url = try lora(name)
        #expect(RecognizedStudent(at: url)?.student == student)
        let file = url.appending(path: "pytorch_lora_weights.safetensors")
        #expect(RecognizedStudent(at: file)?.student == student)
        let text = CheckpointSummary(of: url).description
        #expect(text.contains("looks like \(student.name)") && text.contains("text-to-image --lora"), "\(text)")
    }

    @Test("Other models and LoRAs are not recognised")
    func others() throws {
        for name in ["emoji-teacher", "emoji-student"] {
            #expect(RecognizedStudent(at: Fixtures.package.appending(path: "Examples/Models/\(name)")) == nil)
        }
        for name in ["Hyper-SD15-12steps-CFG-lora", "style"] { #expect(RecognizedStudent(at: try lora(name)) == nil) }
        #expect(RecognizedStudent(at: folder.appending(path: "absent")) == nil)
    }

    @Test("A single file named like a published student of the second family predicts ε")
    func singleFile() throws {
        for (name, type) in [("sd_turbo", PredictionType.epsilon), ("other", .velocity)] {
            let file = folder.appending(path: "\(name).safetensors")
            try FileManager.default.copyItem(at: Fixtures.url("single-file/sd2.safetensors"), to: file)
            #expect(RecognizedStudent(at: file)?.student == (type == .epsilon ? .turbo : nil))
            #expect(try ModelFiles(contentsOf: file).schedule().predictionType == type)
        }
    }

    @Test("The table has the timesteps and ᾱ of the publications")
    func table() {
        #expect(PublishedStudent.swiftBrush.steps == [.init(timestep: 999, cumulativeAlpha: 0.0047)])
        #expect(abs(PublishedStudent.sidLSG.steps[0].cumulativeAlpha - 0.1377690340) <= 1e-9)
        #expect(abs(PublishedStudent.dmd2OneStep.steps[0].cumulativeAlpha - 0.4260863636) <= 1e-9)
        #expect(Set(PublishedStudent.all.map(\.name)).count == PublishedStudent.all.count)
        for student in PublishedStudent.all {
            #expect(student.sampler.map(ShippedSamplers.names.contains) ?? true, "\(student)")
        }
    }

    @Test("A student's sampler visits the timesteps of the table", arguments: PublishedStudent.all.indices)
    func timesteps(index: Int) throws {
        let student = PublishedStudent.all[index]
        let teacher = try TextToImageModel(contentsOf: teacher)
        let (model, sampling) = try teacher.sampled(as: student)
        guard case .steps(let settings) = sampling else {
            #expect(model.oneStep?.timestep == student.steps[0].timestep)
            #expect(model.oneStep?.cumulativeAlpha == student.steps[0].cumulativeAlpha)
            return
        }
        var sampler = try #require(settings.sampler)
        let found = try sampler.begin(steps: settings.steps).points.map { Int($0.timestep.rounded()) }
        #expect(found == student.steps.map(\.timestep))
        #expect(settings.guidanceScale == student.guidanceScale)
        let steps = try model.samples(for: ["a red heart"], settings, seed: 0)
        #expect(steps.warnings.isEmpty, "\(steps.warnings)")
    }

    @Test("A model sampled as a student has the latents of the same settings by hand")
    func latents() throws {
        let model = try TextToImageModel(contentsOf: teacher)
        let (turbo, sampling) = try model.sampled(as: .turbo)
        guard case .steps(let settings) = sampling else { throw MissingGolden(name: "steps") }
        var steps = try turbo.samples(for: ["a red heart"], settings, seed: 3)
        let found = try #require(try steps.last()).latents
        let euler = try model.sampler(named: "euler", timestepSpacing: .trailing)
        var byHand = try model.samples(
            for: ["a red heart"], SamplingSettings(steps: 1, guidanceScale: 1, sampler: euler), seed: 3)
        #expect(try #require(try byHand.last()).latents == found)
    }

    @Test("A folder that decodes with a small autoencoder is loaded with it")
    func tinyAutoencoder() throws {
        let url = try model("sdxs", ["model_index.json": ["vae": .array(["diffusers", "AutoencoderTiny"])]])
        try FileManager.default.removeItem(at: url.appending(path: "vae"))
        try FileManager.default.copyItem(at: Fixtures.url("models/tiny"), to: url.appending(path: "vae"))
        let summary = CheckpointSummary(of: url)
        #expect(summary.problems.isEmpty, "\(summary)")
        #expect(summary.lines.contains { $0.heading == "vae" && $0.text.contains("TAESD") })
        let model = try TextToImageModel(contentsOf: url)
        #expect(model.autoencoder == nil && model.decoder is AutoencoderTiny)
        let (student, _) = try model.sampled(as: .sdxs)
        #expect(try student.pictures(for: ["a red heart"], seed: 0).count == 1)
    }
}
