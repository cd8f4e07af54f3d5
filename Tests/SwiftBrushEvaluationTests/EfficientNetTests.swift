import DiffusionModels
import SwiftBrushEvaluation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@Suite("EfficientNet-Lite0", .highestPrecision)
struct EfficientNetTests {
    @Test("Features of drawings match PyTorch")
    func parity() throws {
        let golden = try Fixtures.tensors("efficientnet/features.safetensors")
        let pictures = try #require(golden["pictures"])
        let network = try EfficientNetLite0(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/efficientnet-lite0/model.safetensors"))
        let prepared = try (0..<pictures.shape[0]).map { index in
            let picture = pictures.sliced(axis: 0, index..<index + 1)
            return try network.preparation(
                Picture(width: 64, height: 64, pixels: picture.scalars.map { UInt8($0) })
            ).reshaped(to: [1, 128, 128, 3])
        }
        let features = network(.concatenate(prepared, axis: 0))
        let error = relativeError(features, try #require(golden["features"]))
        #expect(error <= 1e-4, "\(error)")
        // The effect of 16 bits per weight.
        let rounding = relativeError(features, try #require(golden["features.full"]))
        #expect(rounding <= 0.05, "\(rounding)")
    }

    @Test("Other weights are rejected")
    func errors() {
        #expect(throws: ModelError.self) {
            try EfficientNetLite0(contentsOf: Fixtures.url("efficientnet/features.safetensors"))
        }
    }
}
