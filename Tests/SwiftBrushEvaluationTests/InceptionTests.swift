import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushEvaluation

@Suite("Inception-v3 of FID")
struct InceptionTests {
    /// Writes the same random weights as `make.py`.
    private func writeWeights(to url: URL) throws {
        var stream = RandomStream(seed: 11)
        let keys = try String(contentsOf: Fixtures.url("inception/keys.txt"), encoding: .utf8)
        let tensors = keys.split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            let (key, shape) = (String(words[0]), words.dropFirst().compactMap { Int($0) })
            let noise = stream.normal(shape)
            if shape.count == 4 { return (key, noise * (2 / Float(shape[1...].reduce(1, *))).squareRoot()) }
            if key.hasSuffix("running_var") { return (key, noise.absolute() + 0.5) }
            return (key, noise * 0.1 + (key.hasSuffix("bn.weight") ? 1 : 0))
        }
        try Safetensors.write(tensors, to: url)
    }

    @Test("Features with random weights match pytorch-fid, with its resizing and with clean-fid's")
    func parity() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        try writeWeights(to: url)
        let golden = try Fixtures.tensors("inception/features.safetensors")
        let pixels = try #require(golden["picture"])
        let picture = try Picture(
            width: pixels.shape[1], height: pixels.shape[0], pixels: pixels.scalars.map { UInt8($0) })
        for resizing in InceptionV3.Resizing.allCases {
            let network = try InceptionV3(contentsOf: url, resizing: resizing)
            let features = try network(network.preparation(picture).reshaped(to: [1, 299, 299, 3]))
            let error = relativeError(features, try #require(golden[resizing.rawValue]))
            #expect(error <= 1e-4, "\(resizing.rawValue): \(error)")
        }
    }
}
