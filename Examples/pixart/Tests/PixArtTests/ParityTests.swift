import Autograd
import DiffusionModels
import Foundation
import Tensor
import Testing

@testable import PixArt

@Suite("PixArt's transformer")
struct ParityTests {
    @Test("It matches diffusers, for an image that is not square and a text with padding", arguments: ["a", "b"])
    func parity(name: String) throws {
        let network = try PixArtTransformer(contentsOf: fixture(name))
        let golden = try SafetensorsFile(contentsOf: fixture("golden.safetensors"))
        func tensor(_ part: String) throws -> Tensor { try golden.tensor("\(name).\(part)") }
        let latents = try tensor("in").transposed([0, 2, 3, 1])
        let expected = try tensor("out").transposed([0, 2, 3, 1])
        let condition = TextCondition(tokens: try tensor("text"))
        let output = network.transformed(Variable(latents), at: [999, 17], given: condition).value
        #expect(largestError(output, expected) <= 2e-5)
        let epsilon = network.predict(Variable(latents), at: [999, 17], given: condition).value
        #expect(epsilon == output.sliced(axis: 3, 0..<4))

        // A text without padding takes the path of fused attention.
        let first = network.transformed(
            Variable(latents.sliced(axis: 0, 0..<1)), at: [999], given: condition.gathered(rows: [0]))
        #expect(largestError(first.value, expected.sliced(axis: 0, 0..<1)) <= 2e-5)
    }

    @Test("Prompts without a saved embedding and weights that do not fit are errors")
    func errors() throws {
        #expect(throws: PixArtError.self) { try prompts().condition(for: ["unknown"], windows: 1) }
        #expect(throws: (any Error).self) { try PixArtTransformer(contentsOf: fixture("c")) }
        var configuration = PixArtConfiguration()
        configuration.numLayers = -1
        #expect(throws: PixArtError.self) { try configuration.check() }
        let network = PixArtTransformer(PixArtConfiguration(), in: ParameterSet().scope)
        #expect(throws: ParameterLoadingError.self) {
            try network.parameters.load(
                SafetensorsFile(contentsOf: fixture("a/diffusion_pytorch_model.safetensors")))
        }
        #expect(network.parameters.scalarCount == 611_349_152, "PixArt-XL, as in diffusers")
    }
}

/// The largest difference over the largest expected magnitude.
func largestError(_ found: Tensor, _ expected: Tensor) -> Float {
    (found - expected).absolute().maximum() / expected.absolute().maximum()
}

/// A file of the fixture.
func fixture(_ path: String) throws -> URL {
    try #require(Bundle.module.resourceURL).appending(path: "Fixture").appending(path: path)
}

/// An encoder with the two texts of network a, the second of which is padded, and the empty prompt.
func prompts() throws -> SavedPrompts {
    let texts = try SafetensorsFile(contentsOf: fixture("golden.safetensors")).tensor("a.text")
    let url = FileManager.default.temporaryDirectory.appending(path: "prompts-\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    func text(_ row: Int) -> Tensor { texts.sliced(axis: 0, row..<row + 1).reshaped(to: [5, 10]) }
    try Safetensors.write(
        [("a house", text(0)), ("a dog", text(1)), ("", text(0) * 0.5)], to: url)
    return try SavedPrompts(contentsOf: url)
}
