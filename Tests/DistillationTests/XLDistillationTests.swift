import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

/// Distils the small model of Stable Diffusion XL's kind. With `ROUND_TRIP` the student and its outputs are written into that folder, for
/// `Tests/Fixtures/roundtrip/check.py` to compare them with diffusers' pipeline.
@Suite("Distilling Stable Diffusion XL")
final class XLDistillationTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "xl-run-\(UUID().uuidString)")
    private let prompts = ["a red heart", "two blue squares", "a green line"]
    private let teacher: TextToImageModel

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let model = folder.appending(path: "teacher")
        try Fixtures.copyXLModel(to: model)
        teacher = try TextToImageModel(contentsOf: model).keepingEmbeddings(of: prompts + [""])
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func distiller(_ loss: any DistillationLoss = VariationalScoreDistillation()) throws -> Distiller {
        var configuration = DistillationConfiguration(for: loss)
        (configuration.batchSize, configuration.adapterRank, configuration.studentLearningRate) = (2, 2, 1e-3)
        var resources = DistillationResources()
        resources.reward = Brightness()
        var stream = RandomStream(seed: 9)
        resources.realLatents = try RealLatents(latents: stream.normal([3, 8, 8, 4]), prompts: [0, 1, 2])
        resources.pairs = try TeacherPairs(
            noise: stream.normal([3, 8, 8, 4]), pictures: stream.normal([3, 8, 8, 4]), prompts: [0, 2, 1])
        return try Distiller(
            teacher: teacher, loss: loss, prompts: prompts, configuration: configuration, resources: resources)
    }

    private struct Brightness: ImageTextReward {
        func scores(of pictures: Variable, for prompts: [Int]) -> Variable {
            pictures.mean(alongAxes: [1, 2, 3]).tanh()
        }
    }

    @Test(
        "Twenty steps equal a run resumed after the twelfth, bit for bit, and the saved student generates the same images"
    )
    func twentySteps() throws {
        let straight = try distiller()
        let estimate = straight.memoryEstimate
        #expect(estimate.student == 20 * teacher.network.parameters.scalarCount)
        #expect(estimate == MemoryEstimate(distilling: teacher.network, straight.configuration))
        for _ in 0..<20 { try straight.step() }

        let first = try distiller()
        let run = try RunDirectory(folder.appending(path: "run"), resuming: false)
        try run.begin(first)
        for _ in 0..<12 { try run.record(first.step()) }
        try run.saveCheckpoint(of: first)
        let second = try distiller()
        let resumed = try RunDirectory(folder.appending(path: "run"), resuming: true)
        try resumed.begin(second)
        #expect(second.stepCount == 12)
        for _ in 0..<8 { try resumed.record(second.step()) }
        #expect(second.bits == straight.bits)
        let embedding = try #require(straight.average.parameters["add_embedding.linear_1.weight"])
        let before = try #require(teacher.network.parameters["add_embedding.linear_1.weight"])
        #expect(relativeError(embedding.value, before.value) > 1e-4, "the embedding of the sizes is trained too")

        let target =
            ProcessInfo.processInfo.environment["ROUND_TRIP"].map { URL(filePath: $0) }
            ?? folder.appending(path: "saved")
        let student = try second.studentModel(of: teacher)
        let path = target.appending(path: "xl")
        try student.save(to: path)
        let loaded = try TextToImageModel(contentsOf: path)
        let latents = try student.latents(for: prompts, seed: 3)
        #expect(try loaded.latents(for: prompts, seed: 3).scalars == latents.scalars)
        #expect(latents.nonFiniteCount() == 0)
        try write(loaded, to: path)
    }

    /// Writes the inputs and outputs of the student in PyTorch's layout.
    private func write(_ model: TextToImageModel, to path: URL) throws {
        let text = try model.embeddings(for: prompts).condition(for: prompts)
        let noise = try model.startingLatents(count: 3, seed: 3).latents
        let output = model.network.predict(Variable(noise), at: [999, 500, 20], given: text).value
        let latents = try model.latents(for: prompts, seed: 3)
        let decoded = model.decoder.pictures(of: Variable(latents)).value
        let pooled = try #require(text.pooled).value
        try Safetensors.write(
            [
                ("text.out", text.tokens.value), ("text.pooled", pooled), ("unet.in", noise.channelsFirst()),
                ("unet.out", output.channelsFirst()), ("latents", latents.channelsFirst()),
                ("pictures", decoded.channelsFirst()),
            ].map { (name: $0.0, tensor: $0.1) },
            metadata: ["prompts": String(decoding: try JSONEncoder().encode(prompts), as: UTF8.self)],
            to: path.deletingLastPathComponent().appending(path: "xl-golden.safetensors"))
    }

    @Test("Every published loss trains it", arguments: PublishedLoss.allCases)
    func losses(published: PublishedLoss) throws {
        let distiller = try distiller(published.loss)
        for _ in 0..<2 { #expect(try distiller.step().studentLoss.isFinite) }
    }
}
