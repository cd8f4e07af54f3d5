import Foundation
import Tensor
import TestFixtures
import Testing

@testable import DiffusionModels

@Suite("Reports on checkpoints")
final class CheckpointReportTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "report-\(UUID().uuidString)")
    private let model = ParityModel.all[0]

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func compare(against golden: URL) throws -> [String: CheckpointVerification.Errors?] {
        let comparisons = Array(try CheckpointVerification(of: model.folder, against: golden))
        return Dictionary(uniqueKeysWithValues: comparisons.map { ($0.name, $0.errors) })
    }

    @Test("Each part is compared, and what the golden file lacks is skipped")
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

    @Test("One changed number shows, and only in its own part")
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

    @Test("The summary of a whole model names its parts, and nothing is wrong with it")
    func summary() {
        let summary = CheckpointSummary(of: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        #expect(summary.problems.isEmpty)
        for words in ["7.14 M parameters in F16", "heads [2, 4, 5]", "2069 tokens", "predicts epsilon"] {
            #expect(summary.description.contains(words), "\(words)")
        }
    }

    @Test("The summary of a broken model says what is wrong")
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
