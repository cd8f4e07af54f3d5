import Autograd
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

/// Compares random-weight models with diffusers and transformers in Float32: max |Δ| / standard deviation of the reference.
@Suite("Parity with PyTorch", .highestPrecision)
struct ModelParityTests {
    /// The rounding of Float32 sums in different orders, over a few dozen layers.
    static let tolerance = 2e-5

    @Test("Text encoder", arguments: ParityModel.all)
    func textEncoder(model: ParityModel) throws {
        let golden = try model.golden()
        let encoder = try ModelFiles(contentsOf: model.folder).textEncoder()
        let output = encoder(try golden.tokens("text.ids")).value
        #expect(relativeError(output, try golden.golden("text.out")) <= Self.tolerance)
    }

    @Test("Denoising network", arguments: ParityModel.all)
    func unet(model: ParityModel) throws {
        let golden = try model.golden()
        let network = try ModelFiles(contentsOf: model.folder).unet()
        let output = network(
            Variable(try golden.map("unet.in")), timesteps: try golden.integers("unet.t").map(Double.init),
            textEmbeddings: Variable(try golden.golden("unet.text")))
        #expect(!output.requiresGradient)
        #expect(relativeError(output.value.channelsFirst(), try golden.golden("unet.out")) <= Self.tolerance)
    }

    @Test("Without a middle block the bottleneck is the output of the last down block")
    func bottleneck() throws {
        let model = try #require(ParityModel.all.first { $0.name == "d" })
        let golden = try model.golden()
        let network = try ModelFiles(contentsOf: model.folder).unet()
        let map = network.bottleneck(
            Variable(try golden.map("unet.in")), timesteps: [999, 371],
            condition: TextCondition(tokens: try golden.golden("unet.text")))
        #expect(map.shape == [2, 2, 3, 16])
    }

    @Test("A network without cross-attention has the same output for every text")
    func noAttention() throws {
        var configuration = UNet2DConditionModel.Configuration()
        configuration.blockChannels = [8, 8]
        (configuration.downBlockTypes, configuration.upBlockTypes) = ([.plain, .plain], [.plain, .plain])
        (configuration.layersPerBlock, configuration.headCounts) = ([1, 1], [1, 1])
        (configuration.transformerLayers, configuration.crossAttentionWidths) = ([1, 1], [8, 8])
        (configuration.normalizationGroups, configuration.midBlockType) = (4, nil)
        let network = UNet2DConditionModel(configuration, in: ParameterSet().scope)
        var stream = RandomStream(seed: 1)
        network.parameters.initialize(using: &stream)
        let texts = (0..<2).map { _ in TextCondition(tokens: stream.normal([1, 3, 8])) }
        let found = network.predict(Variable(stream.normal([1, 4, 4, 4])), at: [1], givenEach: texts)
        #expect(found.count == 2 && found[0].value.scalars == found[1].value.scalars && found[0].shape == [1, 4, 4, 4])
    }

    @Test("Decoder", arguments: ParityModel.all)
    func decoder(model: ParityModel) throws {
        let golden = try model.golden()
        let autoencoder = try ModelFiles(contentsOf: model.folder).autoencoder()
        let output = autoencoder.decode(Variable(try golden.map("vae.in"))).value
        #expect(relativeError(output.channelsFirst(), try golden.golden("vae.out")) <= Self.tolerance)
    }

    @Test("Encoder", arguments: ParityModel.all)
    func encoder(model: ParityModel) throws {
        let golden = try model.golden()
        let autoencoder = try ModelFiles(contentsOf: model.folder).autoencoder()
        let moments = autoencoder.encode(Variable(try golden.map("vae.enc.in")))
        #expect(relativeError(moments.mean.value.channelsFirst(), try golden.golden("vae.enc.mean")) <= Self.tolerance)
    }

    @Test("Small autoencoder, decoder and encoder")
    func tiny() throws {
        let golden = try Fixtures.tensors("models/tiny/golden.safetensors")
        let folder = Fixtures.url("models/tiny")
        let tiny = try #require(try ModelFiles.latentDecoder(contentsOf: folder) as? AutoencoderTiny)
        let pictures = tiny.pictures(of: Variable(try golden.map("tiny.in"))).value
        #expect(relativeError(pictures.channelsFirst(), try golden.golden("tiny.out")) <= Self.tolerance)
        let latents = tiny.encode(Variable(try golden.map("tiny.enc.in"))).value
        #expect(relativeError(latents.channelsFirst(), try golden.golden("tiny.enc.out")) <= Self.tolerance)
    }

    @Test(
        "Gradients of every parameter of the denoising network, with and without recomputation",
        arguments: [false, true])
    func gradients(recomputes: Bool) throws {
        let model = ParityModel.all[0]
        let golden = try model.golden()
        var network = try ModelFiles(contentsOf: model.folder).unet()
        network.recomputesBlocks = recomputes
        network.parameters.unfreeze()
        let output = network(
            Variable(try golden.map("unet.in")), timesteps: try golden.integers("unet.t").map(Double.init),
            textEmbeddings: Variable(try golden.golden("unet.text")))
        output.backward(from: try golden.map("unet.grad.out"))
        for parameter in network.parameters.all {
            let gradient = try #require(parameter.gradient, "\(parameter.path)")
            let reference = try golden.golden("unet.grad.\(parameter.path)")
            #expect(relativeError(gradient, reference) <= 1e-4, "\(parameter.path)")
        }
    }

    @Test(
        "Evaluating several texts at once gives the same outputs and gradients as one by one", arguments: [1, 5],
        [false, true])
    func severalTexts(batch: Int, recomputes: Bool) throws {
        var network = try ModelFiles(contentsOf: ParityModel.all[0].folder).unet()
        network.recomputesBlocks = recomputes
        let configuration = network.configuration
        var stream = RandomStream(seed: 1)
        let x = stream.normal([batch, 8, 8, configuration.inputChannels])
        let texts = (0..<3).map { _ in stream.normal([batch, 6, configuration.crossAttentionWidths[0]]) }
        let weights = (0..<3).map { _ in stream.normal([batch, 8, 8, configuration.outputChannels]) }
        let timesteps = (0..<batch).map { 100.0 * Double($0) }
        func gradient(_ outputs: (Variable) -> [Variable]) throws -> (values: [Tensor], gradient: Tensor) {
            let leaf = Variable.trainable(x)
            let found = outputs(leaf)
            let total = zip(found, weights).map { ($0 * Variable($1)).sum() }.reduce(Variable(Tensor(0))) { $0 + $1 }
            total.backward()
            return (found.map(\.value), try #require(leaf.gradient))
        }
        let together = try gradient {
            network.predict($0, at: timesteps, givenEach: texts.map { TextCondition(tokens: $0) })
        }
        let alone = try gradient { leaf in
            texts.map { network(leaf, timesteps: timesteps, textEmbeddings: Variable($0)) }
        }
        #expect(together.values.count == 3)
        for (found, expected) in zip(together.values, alone.values) { #expect(relativeError(found, expected) <= 2e-6) }
        #expect(relativeError(together.gradient, alone.gradient) <= 1e-5)
        #expect(relativeError(together.values[0], alone.values[1]) > 1e-3, "the texts must matter")
    }

    @Test(
        "A text shared by all samples gives the outputs of repeated texts and the sum of their gradients",
        arguments: [2, 5],
        [false, true])
    func sharedText(batch: Int, isTrained: Bool) throws {
        let network = try ModelFiles(contentsOf: ParityModel.all[0].folder).unet()
        let configuration = network.configuration
        var stream = RandomStream(seed: 2)
        let x = stream.normal([batch, 8, 8, configuration.inputChannels])
        let own = Variable(stream.normal([batch, 6, configuration.crossAttentionWidths[0]]))
        let shared = stream.normal([1, 6, configuration.crossAttentionWidths[0]])
        func run(_ text: Tensor) throws -> (values: [Tensor], latents: Tensor, text: Tensor?) {
            let (leaf, text) = (Variable.trainable(x), isTrained ? .trainable(text) : Variable(text))
            let timesteps = (0..<batch).map { 100.0 * Double($0) }
            let outputs = network.predict(
                leaf, at: timesteps, givenEach: [own, text].map { TextCondition(tokens: $0) })
            (outputs[0].sum() + outputs[1].squared().sum()).backward()
            let unrecorded = network.predict(
                Variable(x), at: timesteps,
                givenEach: [own, Variable(text.value)].map { TextCondition(tokens: $0) })
            return ((outputs + unrecorded).map(\.value), try #require(leaf.gradient), text.gradient)
        }
        let (found, expected) = (try run(shared), try run(shared.broadcast(to: own.shape)))
        for (value, reference) in zip(found.values, expected.values) {
            #expect(relativeError(value, reference) <= 2e-6)
        }
        #expect(relativeError(found.latents, expected.latents) <= 1e-5)
        #expect(relativeError(found.values[0], found.values[1]) > 1e-3, "the texts must matter")
        guard isTrained else { return }
        let sum = try #require(expected.text).sum(alongAxes: [0], keepingDimensions: true)
        #expect(relativeError(try #require(found.text), sum) <= 1e-5)
    }

    @Test("Samples of a batch are independent, and a single timestep applies to all")
    func batches() throws {
        let model = ParityModel.all[0]
        let golden = try model.golden()
        let network = try ModelFiles(contentsOf: model.folder).unet()
        let (latents, text) = (try golden.map("unet.in"), try golden.golden("unet.text"))
        let both = network(Variable(latents), timesteps: [500], textEmbeddings: Variable(text)).value
        let second = network(
            Variable(latents.sliced(axis: 0, 1..<2)), timesteps: [500],
            textEmbeddings: Variable(text.sliced(axis: 0, 1..<2))
        ).value
        #expect(relativeError(both.sliced(axis: 0, 1..<2), second) <= 2e-6)
    }
}
