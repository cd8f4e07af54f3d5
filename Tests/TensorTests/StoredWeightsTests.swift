import Foundation
import Tensor
import Testing

/// Weights that stay in a mapped file, in its type.
@Suite("Stored weights")
final class StoredWeightsTests {
    private let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")

    deinit { try? FileManager.default.removeItem(at: file) }

    /// A mapped tensor of the file, and the same numbers as a Float32 copy.
    private func stored(_ shape: [Int], as type: ScalarType, seed: UInt64) throws -> (mapped: Tensor, plain: Tensor) {
        let numbers = Reference.numbers(shape, seed: seed)
        // An odd number of elements before it, so that 16-bit numbers do not begin at a multiple of four.
        try Safetensors.write(
            [("before", Reference.numbers([3], seed: 1)), ("weight", numbers)], scalarType: type, to: file)
        let opened = try SafetensorsFile(contentsOf: file)
        return (try opened.mappedTensor("weight"), try opened.tensor("weight"))
    }

    static let types: [ScalarType] = [.float32, .float16, .bfloat16]

    @Test("Products and convolutions with stored weights equal those with Float32 copies", arguments: types)
    func products(type: ScalarType) throws {
        for (rows, width, outputs) in [(5, 37, 19), (300, 64, 100)] {
            let (weight, plain) = try stored([outputs, width], as: type, seed: 2)
            #expect(weight.scalarType == type)
            let x = Reference.numbers([rows, width], seed: 3)
            #expect(x.linear(weight: weight, bias: nil).scalars == x.linear(weight: plain, bias: nil).scalars)
            let y = Reference.numbers([rows, outputs], seed: 4)
            #expect(y.matmul(weight).scalars == y.matmul(plain).scalars)
        }
        for size in [1, 3, 4] {
            let (kernel, plain) = try stored([33, 20, size, size], as: type, seed: 5)
            let x = Reference.numbers([2, 9, 8, 20], seed: 6)
            let padding = ConvolutionPadding(size / 2)
            #expect(
                x.conv2d(kernel: kernel, bias: nil, padding: padding).scalars
                    == x.conv2d(kernel: plain, bias: nil, padding: padding).scalars)
        }
    }

    @Test("Lookups, slices and other operations read the same numbers from stored weights", arguments: types)
    func otherOperations(type: ScalarType) throws {
        let (table, plain) = try stored([7, 11], as: type, seed: 7)
        #expect(table.gathered(rows: [6, 0, 6]).scalars == plain.gathered(rows: [6, 0, 6]).scalars)
        let part = table.sliced(axis: 0, 2..<5)
        #expect(part.scalarType == type)
        #expect(part.scalars == plain.sliced(axis: 0, 2..<5).scalars)
        #expect((table + table).scalars == (plain + plain).scalars)
        #expect(table.transposed([1, 0]).scalars == plain.transposed([1, 0]).scalars)
        #expect(table.reshaped(to: [77]).scalarType == type)
    }

    @Test("Writing to a stored weight makes a Float32 copy; file and other tensors are unchanged", arguments: types)
    func writing(type: ScalarType) throws {
        let (weight, plain) = try stored([4, 6], as: type, seed: 8)
        var changed = weight
        changed[1, 2] = 5
        #expect(changed.scalarType == .float32)
        #expect(changed[1, 2] == 5)
        #expect(weight.scalars == plain.scalars)
        #expect(try SafetensorsFile(contentsOf: file).tensor("weight").scalars == plain.scalars)
    }

    @Test("No operation keeps a Float32 copy of a stored weight")
    func noCopy() throws {
        let (rows, width) = (2_048, 1_024)
        let vector = Tensor.ones([width])
        let operations: [(Tensor) -> Bool] = [
            { ($0 + 1).sum() == Double($0.count) },
            { (vector - $0).maximum() == 1 },
            { $0.sum() == 0 && $0.scalars.count == rows * width },
            { $0.exp().squaredNorm() == Double($0.count) },
            { $0.softmax()[5, 7] * Float(width) == 1 },
            { $0.layerNorm(scale: vector, offset: vector, epsilon: 1e-5)[3, 4] == 1 },
            { $0.transposed([1, 0])[3, 4] == 0 && $0[3, 4] == 0 },
            { $0.sliced(axis: 1, 3..<5).sum() == 0 },
            { $0.matmul(vector.reshaped(to: [-1, 1])).sum() == 0 },
            { Tensor.concatenate([$0, $0], axis: 1).shape == [rows, 2 * width] },
        ]
        for type in [ScalarType.float16, .bfloat16] {
            try Safetensors.write([("weight", .zeros([rows, width]))], scalarType: type, to: file)
            let opened = try SafetensorsFile(contentsOf: file)
            let weights = try operations.map { _ in try opened.mappedTensor("weight") }
            let before = Tensor.usedByteCount
            for (weight, operation) in zip(weights, operations) { #expect(operation(weight)) }
            // Half of what ten copies would take, and more than the other tests, which run meanwhile, take.
            #expect(Tensor.usedByteCount - before < 5 * 4 * rows * width)
            #expect(weights.allSatisfy { $0.scalarType == type })
        }
    }

    @Test("Stored weights outlive the value that opened the file, and the file's removal")
    func lifetime() throws {
        let (weight, plain) = try stored([4, 6], as: .float16, seed: 9)
        try FileManager.default.removeItem(at: file)
        #expect(weight.scalars == plain.scalars)
    }

    @Test("Stored weights saved again in the same type are byte-identical", arguments: types)
    func saving(type: ScalarType) throws {
        let weight = try stored([8, 5], as: type, seed: 10).mapped
        let copy = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: copy) }
        let before = try SafetensorsFile(contentsOf: file).tensor("before")
        try Safetensors.write([("before", before), ("weight", weight)], scalarType: type, to: copy)
        #expect(try Data(contentsOf: copy) == Data(contentsOf: file))
    }

    @Test("Non-finite numbers are counted in every type", arguments: types)
    func nonFinite(type: ScalarType) throws {
        var numbers = Reference.numbers([100], seed: 11)
        (numbers[3], numbers[50], numbers[99]) = (.nan, .infinity, -.infinity)
        try Safetensors.write([("weight", numbers)], scalarType: type, allowsNonFinite: true, to: file)
        #expect(try SafetensorsFile(contentsOf: file).mappedTensor("weight").nonFiniteCount() == 3)
    }
}
