import Autograd
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

/// Compares the trained teacher in Examples with diffusers and transformers on the same weights.
@Suite("Parity of the trained teacher with PyTorch")
struct EmojiParityTests {
    private let model: TextToImageModel
    private let golden: [String: Tensor]

    init() throws {
        model = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        golden = try Fixtures.tensors("emoji/emoji.safetensors")
    }

    @Test("Text embeddings")
    func text() throws {
        let found = try model.embeddings(for: ["a red heart", "an emoji of a snowman without snow", ""]).values
        #expect(relativeError(found, try golden.golden("text.out")) <= 1e-4)
    }

    @Test("Denoising network")
    func unet() throws {
        let output = model.network.predict(
            Variable(try golden.map("unet.in")), at: try golden.integers("unet.t").map(Double.init),
            given: TextCondition(tokens: try golden.golden("text.out")))
        #expect(relativeError(output.value.channelsFirst(), try golden.golden("unet.out")) <= 1e-4)
    }

    @Test("Decoder")
    func decoder() throws {
        let latents = try golden.map("vae.in") / Float(#require(model.autoencoder).configuration.scalingFactor)
        let decoded = try #require(model.autoencoder).decode(Variable(latents)).value
        #expect(relativeError(decoded.channelsFirst(), try golden.golden("vae.out")) <= 1e-4)
    }

    @Test("An image of 25 guided DDIM steps matches diffusers with a PSNR of at least 50 dB")
    func picture() throws {
        let start = try golden.map("ddim.in")
        // The seed gives the same starting latents.
        #expect(try relativeError(model.startingLatents(count: 1, seed: 3).latents, start) <= 2e-6)
        var sampler = try model.samples(for: "a red heart", steps: 25, guidanceScale: 4.5, seed: 3)
        let last = try #require(
            try sampler.last())
        #expect(relativeError(last.latents.channelsFirst(), try golden.golden("ddim.latents")) <= 1e-3)
        let expected = try golden.golden("ddim.picture").scalars
        let found = try model.pictures(from: last.latents)[0].pixels
        let error = zip(found, expected).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) } / Double(found.count)
        let ratio = 10 * log10(255 * 255 / max(error, 1e-9))
        #expect(ratio >= 50, "\(ratio) dB")
    }
}
