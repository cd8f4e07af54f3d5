import Autograd
import DiffusionModels
import SwiftBrushTestFixtures
import Tensor
import Testing

/// Networks at each precision against PyTorch's Float32. Errors grow with the number of layers: three products of halves err by 4.7e-6 of the
/// standard deviation each, a rounded one by 2.4e-3; the worst of many numbers is four to five times that of their sum.
@Suite("Parity at every precision")
struct PrecisionParityTests {
    /// The largest errors of outputs and of gradients, in standard deviations.
    private func bounds(_ precision: MatmulPrecision) -> (outputs: Double, gradients: Double) {
        if precision.isFloat32 { return (2e-5, 1e-4) }
        return precision == .high ? (1e-4, 6e-4) : (0.2, 0.4)
    }

    private func check(_ error: Double, at precision: MatmulPrecision, _ name: String) {
        let bound = bounds(precision).outputs
        // An error far below the bound would mean that another precision was used.
        #expect(error <= bound && (precision.isFloat32 || error > bound / 100), "\(name): \(error)")
    }

    @Test("Every network's output", arguments: MatmulPrecision.allCases, ParityModel.all)
    func outputs(precision: MatmulPrecision, model: ParityModel) throws {
        let golden = try model.golden()
        let files = try ModelFiles(contentsOf: model.folder)
        try precision.within {
            let autoencoder = try files.autoencoder()
            let decoded = autoencoder.decode(Variable(try golden.map("vae.in"))).value
            check(relativeError(decoded.channelsFirst(), try golden.golden("vae.out")), at: precision, "decoder")
            let encoded = autoencoder.encode(Variable(try golden.map("vae.enc.in"))).mean.value
            check(relativeError(encoded.channelsFirst(), try golden.golden("vae.enc.mean")), at: precision, "encoder")
            let predicted = try files.unet()(
                Variable(try golden.map("unet.in")), timesteps: try golden.integers("unet.t").map(Double.init),
                textEmbeddings: Variable(try golden.golden("unet.text")))
            check(
                relativeError(predicted.value.channelsFirst(), try golden.golden("unet.out")), at: precision,
                "denoising network")
        }
    }

    @Test("At high, an autoencoder computes its innermost layers and those at both ends in Float32", arguments: [1, 2])
    func innermostLayers(blocks: Int) throws {
        let set = ParameterSet()
        var configuration = AutoencoderKL.Configuration()
        configuration.blockChannels = Array(repeating: 16, count: blocks)
        configuration.normalizationGroups = 2
        let autoencoder = AutoencoderKL(configuration, in: set.scope)
        var stream = RandomStream(seed: 1)
        set.initialize(using: &stream)
        set.unfreeze()
        let (latents, picture) = (stream.normal([1, 8, 8, 4]), stream.normal([1, 8, 8, 3]))
        func results(_ precision: MatmulPrecision) throws -> [[Float]] {
            let (decoded, encoded) = precision.within {
                (autoencoder.decode(Variable(latents)), autoencoder.encode(Variable(picture)).mean)
            }
            set.all.forEach { $0.gradient = nil }
            decoded.backward(from: decoded.value)
            let gradient = try #require(set["decoder.conv_in.weight"]?.gradient)
            return [decoded.value, encoded.value, gradient].map(\.scalars)
        }
        let (exact, high, medium) = try (results(.highest), results(.high), results(.medium))
        for index in exact.indices {
            // With one block, nothing is left for the tiles.
            #expect((high[index] == exact[index]) == (blocks == 1 || MatmulPrecision.high.isFloat32))
            #expect((medium[index] == exact[index]) == MatmulPrecision.medium.isFloat32)
        }
    }

    @Test("Gradients of every parameter of the denoising network", arguments: MatmulPrecision.allCases)
    func gradients(precision: MatmulPrecision) throws {
        let golden = try ParityModel.all[0].golden()
        let network = try ModelFiles(contentsOf: ParityModel.all[0].folder).unet()
        network.parameters.unfreeze()
        let output = try precision.within {
            network(
                Variable(try golden.map("unet.in")), timesteps: try golden.integers("unet.t").map(Double.init),
                textEmbeddings: Variable(try golden.golden("unet.text")))
        }
        // Outside the precision's scope: the recorded operations keep it.
        output.backward(from: try golden.map("unet.grad.out"))
        let errors = try network.parameters.all.map { parameter in
            relativeError(
                try #require(parameter.gradient, "\(parameter.path)"),
                try golden.golden("unet.grad.\(parameter.path)"))
        }
        let worst = errors.max() ?? .infinity
        #expect(worst <= bounds(precision).gradients && (precision.isFloat32 || worst > 1e-4), "\(worst)")
    }
}
