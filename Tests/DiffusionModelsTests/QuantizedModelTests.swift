import Autograd
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

/// Models whose weights are 8-bit integers: made when they are loaded, saved, and read again.
@Suite("Models with weights in 8-bit integers", .highestPrecision)
final class QuantizedModelTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "int8-\(UUID().uuidString)")
    private static let student = Fixtures.package.appending(path: "Examples/Models/emoji-student")

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// The peak signal-to-noise ratio of a picture, in decibels.
    private func ratio(_ found: Picture, to expected: Picture) -> Double {
        let squares = zip(found.pixels, expected.pixels).map { pow(Double($0) - Double($1), 2) }
        return 10 * log10(255 * 255 * Double(squares.count) / squares.reduce(0, +))
    }

    @Test("Linear layers and convolutions become integers, a quarter of their size; tables, norms and biases stay")
    func parameters() throws {
        let files = try ModelFiles(contentsOf: Self.student, weights: .int8)
        for (part, plain) in [
            (try files.unet().parameters, try ModelFiles(contentsOf: Self.student).unet().parameters),
            (try files.textEncoder().parameters, try ModelFiles(contentsOf: Self.student).textEncoder().parameters),
            (try files.autoencoder().parameters, try ModelFiles(contentsOf: Self.student).autoencoder().parameters),
        ] {
            for parameter in part.all {
                let isTable = parameter.path.contains("embedding.weight")
                #expect((parameter.value.scalarType == .int8) == (parameter.shape.count > 1 && !isTable))
                let stored = try #require(plain[parameter.path]).value
                if parameter.value.scalarType == .int8 {
                    #expect(parameter.value == stored.quantized())
                } else {
                    #expect(parameter.value.scalarType == stored.scalarType && parameter.value == stored)
                }
            }
        }
        let unet = try files.unet().parameters
        #expect(unet.storedByteCount < unet.scalarCount * 103 / 100)
        let widened = try ModelFiles(contentsOf: Self.student, weights: .float32).unet().parameters
        #expect(widened.all.allSatisfy { $0.value.scalarType == .float32 })
    }

    @Test("The picture differs by less than one part in a hundred, and is the same after saving and loading")
    func pictures() throws {
        let plain = try TextToImageModel(contentsOf: Self.student)
        let model = try TextToImageModel(contentsOf: Self.student, weights: .int8)
        let picture = try model.picture(for: "a red heart", seed: 0)
        #expect(ratio(picture, to: try plain.picture(for: "a red heart", seed: 0)) >= 40)
        try model.save(to: folder, scalarType: .int8)
        let read = try TextToImageModel(contentsOf: folder)
        #expect(try read.picture(for: "a red heart", seed: 0) == picture)
        for parameter in model.network.parameters.all {
            let again = try #require(read.network.parameters[parameter.path]).value
            #expect(again.scalarType == parameter.value.scalarType && again == parameter.value)
            #expect(again.scales == parameter.value.scales)
        }
        // The same folder from the model with its own weights, and Float32 from the integers.
        let other = folder.appending(path: "unet/diffusion_pytorch_model.safetensors")
        let bytes = try Data(contentsOf: other)
        try plain.save(to: folder, scalarType: .int8)
        #expect(try Data(contentsOf: other) == bytes)
        try model.save(to: folder)
        #expect(try TextToImageModel(contentsOf: folder).picture(for: "a red heart", seed: 0) == picture)
    }

    @Test("CheckpointSummary names the types and counts the scales")
    func summary() throws {
        try TextToImageModel(contentsOf: Self.student).save(to: folder, scalarType: .int8)
        let summary = CheckpointSummary(of: folder)
        #expect(summary.problems.isEmpty)
        let lines = summary.description.split(separator: "\n").map(String.init)
        #expect(lines.contains("unet          9.69 M parameters in F32, I8"))
        #expect(lines.contains("vae           0.68 M parameters in F32, I8"))
        #expect(lines.contains("text encoder  0.73 M parameters in F16, F32, I8"))
    }

    @Test("Scales that are not finite are an error with their name")
    func nonFinite() throws {
        try TextToImageModel(contentsOf: Self.student).save(to: folder, scalarType: .int8)
        let url = folder.appending(path: "unet/diffusion_pytorch_model.safetensors")
        let file = try SafetensorsFile(contentsOf: url, storage: .memory)
        let name = "conv_in.weight_scale"
        var tensors = try file.names.filter { !$0.hasSuffix("_scale") }.map { ($0, try file.mappedTensor($0)) }
        let index = try #require(tensors.firstIndex { $0.0 == "conv_in.weight" })
        // The same tensors, but for one scale.
        let weight = tensors[index].1
        tensors[index].1 = (weight * Float(2)).quantized()
        try Safetensors.write(tensors, scalarType: .int8, to: url)
        #expect(try SafetensorsFile(contentsOf: url).tensor(name) == #require(weight.scales) * 2)
        var bytes = try Data(contentsOf: url)
        let scale = try #require(weight.scales).scalars[0] * 2
        let place = try #require(bytes.range(of: withUnsafeBytes(of: scale) { Data($0) }))
        bytes.replaceSubrange(place, with: withUnsafeBytes(of: Float.infinity) { Data($0) })
        try bytes.write(to: url)
        let error = #expect(throws: ModelError.self) { try ModelFiles(contentsOf: folder).unet() }
        #expect(error?.description.hasSuffix("\(name) (1 of 64, F32)") == true, "\(String(describing: error))")
    }

    @Test("Weights that are not finite are the same error as without integers, whether they become integers or not")
    func nonFiniteWeights() throws {
        let plain = try TextToImageModel(contentsOf: Self.student)
        try plain.save(to: folder)
        let url = folder.appending(path: "unet/diffusion_pytorch_model.safetensors")
        for changed in [["conv_in.weight"], ["conv_in.bias"], ["conv_in.bias", "mid_block.resnets.0.conv1.weight"]] {
            let tensors = plain.network.parameters.checkpointTensors().map { name, tensor in
                var tensor = tensor.widened()
                if changed.contains(name) {
                    tensor.withUnsafeMutableScalars { $0[3] = name.contains("conv1") ? .nan : -.infinity }
                }
                return (name: name, tensor: tensor)
            }
            try Safetensors.write(tensors, allowsNonFinite: true, to: url)
            let errors = try [WeightType.stored, .int8].map { type in
                try #require(throws: ModelError.self) { try ModelFiles(contentsOf: folder, weights: type).unet() }
                    .description
            }
            #expect(errors[0] == errors[1])
            for name in changed { #expect(errors[1].contains("\(name) (1 of ")) }
        }
    }

    @Test("Merging a LoRA, training and averaging are refused, with the remedy, and possible with widened weights")
    func refusals() throws {
        let model = ParityModel.all[0]
        let adapter = try LowRankWeights(contentsOf: Fixtures.url("adapters/adapter"))
        let parameters = try ModelFiles(contentsOf: model.folder, weights: .int8).unet().parameters
        let expected =
            "expected a weight in Float32, Float16 or BFloat16, as of a model loaded with weights: .float32"
        func check(_ operation: String, _ body: () throws -> Void) {
            let error = #expect(throws: AutogradError.self, performing: body)
            let text = error?.description ?? ""
            #expect(text.hasPrefix("\(operation): "), "\(text)")
            #expect(text.hasSuffix(".weight: \(expected), found 8-bit integers (I8)"), "\(text)")
        }
        check("LowRankWeights.merge") { try adapter.merge(into: [.unet: parameters]) }
        check("Adam") { _ = try Adam(parameters.all, learningRate: 1e-3) }
        check("SGD") { _ = try SGD(parameters.all, learningRate: 1e-3) }
        check("ExponentialMovingAverage") { _ = try ExponentialMovingAverage(of: parameters) }
        let stored = try ModelFiles(contentsOf: model.folder, weights: .float32).unet().parameters
        #expect(throws: Never.self) {
            try adapter.merge(into: [.unet: stored])
            _ = try Adam(stored.copy(trainable: true).all, learningRate: 1e-3)
        }
    }

    @Test("A frozen network of integers passes gradients to an adapter, as its widened copy does")
    func adapters() throws {
        let model = ParityModel.all[0]
        let golden = try model.golden()
        let base = try ModelFiles(contentsOf: model.folder, weights: .int8).unet()
        func gradients(of parameters: ParameterSet) throws -> [Tensor] {
            let adapters = try LowRankAdapterSet(rank: 2, alpha: 2)
            let network = UNet2DConditionModel(base.configuration, in: parameters.scope(adapters: adapters))
            var stream = RandomStream(seed: 3)
            adapters.parameters.initialize(using: &stream)
            adapters.parameters.unfreeze()
            let output = network(
                Variable(try golden.map("unet.in")), timesteps: try golden.integers("unet.t").map(Double.init),
                textEmbeddings: Variable(try golden.golden("unet.text")))
            output.backward(from: Tensor.ones(output.shape))
            return adapters.parameters.all.compactMap(\.gradient)
        }
        let widened = base.parameters.copy(trainable: false)
        widened.widen()
        let found = try gradients(of: base.parameters)
        #expect(!found.isEmpty)
        #expect(try gradients(of: widened) == found)
    }
}
