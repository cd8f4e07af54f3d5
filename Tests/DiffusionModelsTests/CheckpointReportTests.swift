import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

@Suite("CheckpointVerification and CheckpointSummary", .highestPrecision)
final class CheckpointReportTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "report-\(UUID().uuidString)")
    private let model = ParityModel.all[0]

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func compare(against golden: URL) throws -> [String: CheckpointVerification.Errors?] {
        let comparisons = Array(try CheckpointVerification(of: model.folder, against: golden))
        return Dictionary(uniqueKeysWithValues: comparisons.map { ($0.name, $0.errors) })
    }

    @Test("CheckpointVerification compares each part and skips those missing from the golden file")
    func agreement() throws {
        let found = try compare(against: model.folder.appending(path: "golden.safetensors"))
        #expect(found.count == 5)
        for (name, errors) in found {
            if name == "onestep.latent" {
                #expect(errors == nil)
            } else {
                #expect(try #require(errors).relative <= 2e-5, "\(name)")
            }
        }
    }

    @Test("CheckpointVerification detects a single changed value, in its own part only")
    func disagreement() throws {
        var golden = try model.golden()
        golden["unet.out"]?[1, 2, 3, 4] += 0.5
        let ids = try SafetensorsFile(contentsOf: model.folder.appending(path: "golden.safetensors"))
        #expect(ids.info("text.ids")?.scalarType == .int32)
        golden["text.ids"] = nil
        let changed = folder.appending(path: "golden.safetensors")
        try Safetensors.write(golden.map { (name: $0.key, tensor: $0.value) }, to: changed)
        let found = try compare(against: changed)
        let unet = try #require(found["unet.out"] ?? nil)
        #expect(abs(unet.largest - 0.5) <= 1e-3)
        #expect(unet.relative > 0.1)
        #expect(found.keys.contains("text.out") && (found["text.out"] ?? nil) == nil)
        #expect(try #require(found["vae.out"] ?? nil).relative <= 2e-5)
    }

    @Test("CheckpointSummary of a diffusers folder")
    func summary() {
        let summary = CheckpointSummary(of: Fixtures.package.appending(path: "Examples/Models/emoji-student"))
        #expect(
            summary.description == """
                model         emoji-student (diffusers folder)
                family        custom size of Stable Diffusion 2.x's kind, one-step student at timestep 700
                schedule      DDIMScheduler: scaled_linear, 1000 timesteps, leading spacing
                              predicts epsilon
                unet          9.69 M parameters in F16
                              latents 4 × 16 × 16, channels [64, 128, 176], text width 128
                              heads [2, 4, 4], linear projections
                vae           0.68 M parameters in F16
                              4 pixels per latent, channels [16, 32, 64], scaling factor 1.0
                text encoder  0.73 M parameters in F16
                              2 layers, width 128, heads 4, quick_gelu
                total         11.10 M parameters, 22.2 MB
                tokenizer     2560 tokens, prompts of 20, padded with 2559
                nothing is wrong with it
                """)
    }

    @Test("CheckpointSummary of a single file includes assumptions and missing parts")
    func singleFileSummary() {
        #expect(
            CheckpointSummary(of: SingleFileFamily.sd2.file).description == """
                model         sd2.safetensors (single file)
                family        custom size of Stable Diffusion 2.x's kind, v-prediction
                schedule      DDIMScheduler: scaled_linear, 1000 timesteps, leading spacing
                              predicts v_prediction, assumed from its family; not in the file (--prediction-type)
                unet          1.00 M parameters in F16
                              latents 4 × 96 × 96, channels [32, 64], text width 64
                              heads [1, 1], linear projections
                vae           0.22 M parameters in F16
                              2 pixels per latent, channels [32, 32], scaling factor 0.18215
                text encoder  0.23 M parameters in F16
                              2 layers, width 64, heads 1, gelu
                total         1.45 M parameters, 2.9 MB
                tokenizer     none, as in all single files; name a folder (--tokenizer)
                nothing is wrong with it
                """)
    }

    @Test("CheckpointSummary of LoRA files and autoencoders names the option that takes them")
    func otherKinds() throws {
        #expect(
            CheckpointSummary(of: Fixtures.url("adapters/adapter")).description == """
                kind    a LoRA: merge it into a model (--lora)
                layers  28 of the unet, 0 of the text encoder
                        6120 parameters
                alpha   adapter_config.json
                rank    2, scale 1.5, of every layer
                nothing is wrong with it
                """)
        #expect(
            CheckpointSummary(of: Fixtures.url("models/tiny")).description == """
                kind  a small autoencoder (TAESD): use it to decode instead of a model's own (--vae)
                vae   13671 parameters in F16
                      channels [6, 6, 6], blocks [2, 1, 1] in the decoder
                nothing is wrong with it
                """)
        #expect(
            CheckpointSummary(of: Fixtures.url("models/a/vae")).description == """
                kind  an autoencoder: use it to decode instead of a model's own (--vae)
                vae   43711 parameters in F16
                      2 pixels per latent, channels [8, 16], scaling factor 0.18215
                nothing is wrong with it
                """)
    }

    @Test("CheckpointSummary names the published model families")
    func families() throws {
        func family(_ configuration: UNet2DConditionModel.Configuration, _ type: PredictionType) throws -> String {
            let workshop = try CheckpointWorkshop()
            try configuration.json.write(to: workshop.file("unet/config.json"))
            try workshop.set("prediction_type", .string(type.rawValue), in: "scheduler/scheduler_config.json")
            let summary = CheckpointSummary(of: workshop.folder)
            return try #require(summary.lines.first { $0.heading == "family" }).text
        }
        var configuration = UNet2DConditionModel.Configuration()
        configuration.crossAttentionWidths = [768, 768, 768, 768]
        #expect(try family(configuration, .epsilon) == "Stable Diffusion 1.x")
        configuration.crossAttentionWidths = [1024, 1024, 1024, 1024]
        #expect(try family(configuration, .epsilon) == "Stable Diffusion 2.x base")
        #expect(try family(configuration, .velocity) == "Stable Diffusion 2.x v-prediction")
    }

    @Test("CheckpointSummary of a broken model has at most 24 lines of 100 columns", arguments: MalformedCheckpoint.all)
    func screen(malformed: MalformedCheckpoint) throws {
        let workshop = try CheckpointWorkshop()
        try malformed.damage(workshop)
        let summary = CheckpointSummary(of: workshop.target)
        let rows = summary.description.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(rows.count <= 24 && rows.allSatisfy { $0.count <= 100 || $0.contains("python -c") }, "\(summary)")
    }

    @Test("CheckpointSummary of a broken model lists every problem")
    func brokenSummary() throws {
        let copy = folder.appending(path: "model")
        try FileManager.default.copyItem(
            at: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"), to: copy)
        try FileManager.default.removeItem(at: copy.appending(path: "vae/config.json"))
        try Data(#"{"prediction_type": "score"}"#.utf8).write(
            to: copy.appending(path: "scheduler/scheduler_config.json"))
        let problems = CheckpointSummary(of: copy).problems
        #expect(problems.count == 2)
        #expect(problems.contains { $0.contains("prediction_type") })
        #expect(problems.contains { $0.contains("vae/config.json") })
        #expect(CheckpointSummary(of: folder.appending(path: "nothing")).problems.count == 1)
    }
}
