import Autograd
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels
@testable import Distillation

@Suite("Models as values")
struct ModelValueTests {
    private let a: TextToImageModel

    init() throws {
        a = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
    }

    /// The latents of two steps.
    private func output(_ model: TextToImageModel) throws -> [Float] {
        var sampling = try model.samples(
            for: ["a red heart"], SamplingSettings(steps: 2, guidanceScale: 3), seed: 5)
        return try #require(try sampling.last()).latents.scalars
    }

    @Test("A model's output is the same, bit for bit, after a copy merged a LoRA, was trained and was loaded anew")
    func copies() throws {
        let before = try output(a)
        var b = a
        let layers: [LowRankWeights.Layer] = [
            .init(
                flatPath: "mid_block_attentions_0_transformer_blocks_0_attn1_to_q", part: .unet,
                down: .ones([1, 176]), up: .ones([176, 1]), scale: 0.5),
            .init(
                flatPath: "text_model_encoder_layers_1_self_attn_v_proj", part: .textEncoder,
                down: .ones([1, 128]), up: .ones([128, 1]), scale: 0.5),
        ]
        try LowRankWeights(layers: layers).merge(into: &b)
        let merged = try output(b)
        #expect(merged != before)
        #expect(try output(a) == before)

        var configuration = DistillationConfiguration()
        (configuration.batchSize, configuration.fakeScoreWeights) = (1, .copy)
        (configuration.studentLearningRate, configuration.learningRateSchedule) = (0.001, .constant())
        let distiller = try Distiller(teacher: b, prompts: ["a red heart"], configuration: configuration)
        let student = try distiller.studentModel(of: b)
        let untrained = try student.latents(for: ["a red heart"], seed: 1).scalars
        // The first gradient is zero: the fake score begins as the teacher.
        for _ in 0..<2 { try distiller.step() }
        #expect(try student.latents(for: ["a red heart"], seed: 1).scalars == untrained)
        #expect(try distiller.studentModel(of: b).latents(for: ["a red heart"], seed: 1).scalars != untrained)
        #expect(try output(b) == merged)

        let network = b.network.copy(trainable: true)
        let optimizer = try Adam(network.parameters.all, learningRate: 0.01)
        network.predict(Variable(.ones([1, 16, 16, 4])), at: [500], given: TextCondition(tokens: .ones([1, 20, 128])))
            .squared().sum().backward()
        try optimizer.step()
        #expect(try output(b) == merged)
        b.network = network
        let trained = try output(b)
        #expect(trained != merged)
        // The network itself can be trained further without changing the model.
        network.parameters.all[0].value = .zeros(network.parameters.all[0].shape)
        #expect(try output(b) == trained)

        let loaded = b.network.copy(trainable: false)
        try loaded.parameters.load(
            Dictionary(uniqueKeysWithValues: a.network.parameters.checkpointTensors().map { ($0.name, $0.tensor) }))
        b.network = loaded
        b.textEncoder = a.textEncoder
        #expect(try output(b) == before)
        #expect(try output(a) == before)
    }

    @Test("The parameters of a model cannot be changed in place")
    func readOnly() async throws {
        let parameters = a.network.parameters
        #expect(parameters.isReadOnly)
        #expect(throws: ReadOnlyParametersError.self) { try parameters.load([String: Tensor]()) }
        #expect(throws: ReadOnlyParametersError.self) {
            try LowRankWeights(layers: []).merge(into: [.unet: parameters])
        }
        #expect(throws: DistillationError.self) {
            try Distiller(
                student: OneStepStudent(network: a.network, step: .swiftBrush), teacher: a.network,
                fakeScore: FakeScore(copying: a.network), schedule: a.schedule,
                conditions: PromptConditions(["a"], in: a.embeddings(for: ["a", ""])), latentShape: [16, 16, 4],
                loss: VariationalScoreDistillation(), configuration: DistillationConfiguration())
        }
        await #expect(processExitsWith: .failure) {
            let set = ParameterSet()
            let parameter = set.scope.parameter("weight", shape: [1], initializer: .ones)
            set.makeReadOnly()
            parameter.value = .zeros([1])
        }
        let copy = a.network.copy(trainable: true).parameters
        #expect(copy.all.allSatisfy { $0.isTrainable && !$0.isReadOnly })
    }
}
