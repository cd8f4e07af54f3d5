import CTensorKernels
import Foundation
import Tensor
import Testing

/// Mapped weights of a file whose packed copies are kept.
@Suite("Packed weights", .serialized)
final class PackedWeightsTests {
    private let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")
    private let budget = PackedWeights.budget

    init() { PackedWeights.budget = 1 << 30 }

    deinit {
        PackedWeights.budget = budget
        try? FileManager.default.removeItem(at: file)
    }

    /// A mapped tensor of the file, and the same numbers as a Float32 copy.
    private func stored(_ shape: [Int], as type: ScalarType, seed: UInt64) throws -> (mapped: Tensor, plain: Tensor) {
        try Safetensors.write([("weight", Reference.numbers(shape, seed: seed))], scalarType: type, to: file)
        let opened = try SafetensorsFile(contentsOf: file)
        return (try opened.mappedTensor("weight"), try opened.tensor("weight"))
    }

    @Test("Products and convolutions with packed weights are bit-identical", arguments: StoredWeightsTests.types)
    func sameResults(type: ScalarType) throws {
        for rows in [1, 5, 300] {
            let (weight, plain) = try stored([70, 37], as: type, seed: 2)
            let x = Reference.numbers([rows, 37], seed: 3)
            #expect((MatrixView(weight: weight, rows: rows, of: .highest).keptPanels != nil) == (rows < 300))
            #expect(x.linear(weight: weight, bias: nil).scalars == x.linear(weight: plain, bias: nil).scalars)
        }
        for (side, inputs, size, stride) in [(8, 50, 3, 1), (8, 50, 3, 2), (8, 20, 1, 1), (40, 20, 3, 1)] {
            let (kernel, plain) = try stored([70, inputs, size, size], as: type, seed: 5)
            let x = Reference.numbers([2, side, side, inputs], seed: 6)
            let padding = ConvolutionPadding(size / 2)
            let y = x.conv2d(kernel: kernel, bias: nil, stride: stride, padding: padding).scalars
            #expect(y == x.conv2d(kernel: plain, bias: nil, stride: stride, padding: padding).scalars)
            // The packed copy is kept by now, if it pays off.
            #expect(y == x.conv2d(kernel: kernel, bias: nil, stride: stride, padding: padding).scalars)
        }
    }

    @Test("A weight packed in one shape can be used in another")
    func otherShape() throws {
        let (weight, plain) = try stored([48, 20], as: .float32, seed: 4)
        let x = Reference.numbers([3, 40], seed: 5)
        #expect(weight.keptPanels() != nil)
        let (reshaped, expected) = (weight.reshaped(to: [24, 40]), plain.reshaped(to: [24, 40]))
        #expect(x.linear(weight: reshaped, bias: nil).scalars == x.linear(weight: expected, bias: nil).scalars)
    }

    @Test("A weight keeps a packed copy for each form of panels")
    func otherPanels() throws {
        let tiles = MatrixProduct(try #require(tensor_kernels_named("model")).pointee.high)
        let (weight, plain) = try stored([70, 37], as: .float32, seed: 12)
        let x = Reference.numbers([5, 37], seed: 13)
        func product(_ weight: Tensor) -> [Float] {
            let right = MatrixView(weight: weight, rows: 5, of: tiles)
            #expect((right.keptPanels != nil) == (weight.keptPanels() != nil))
            return Tensor(shape: [5, 70]) { target in
                guard let base = target.baseAddress else { return }
                tiles.multiply(m: 5, n: 70, k: 37, MatrixView(x, stride: 37), right, into: base, stride: 70)
            }.scalars
        }
        #expect(weight.keptPanels() != nil && plain.keptPanels() == nil)
        let expected = product(plain)
        // Packed, and read.
        #expect(product(weight) == expected && product(weight) == expected)
        #expect(x.linear(weight: weight, bias: nil).scalars == x.linear(weight: plain, bias: nil).scalars)
    }

    @Test("Packed copies stay within their budget and are freed with their weights; writable tensors have none")
    func withinBudget() throws {
        let bytes = 512 * 512 * 4
        let (weight, plain) = try stored([512, 512], as: .float16, seed: 10)
        PackedWeights.budget = bytes / 2
        #expect(weight.keptPanels() == nil)
        // Capacities are rounded up: this copy's is a ninth larger than its numbers.
        PackedWeights.budget = 576 * 512 * 4
        #expect(try stored([576, 512], as: .float16, seed: 10).mapped.keptPanels() == nil)
        PackedWeights.budget = 1 << 30
        #expect(plain.keptPanels() == nil)
        #expect(weight.keptPanels() != nil)
        #expect(PackedWeights.byteCount >= bytes)
        // More than the budget holds at a time, whatever other tests keep meanwhile.
        for _ in 0..<1100 {
            #expect(try SafetensorsFile(contentsOf: file).mappedTensor("weight").keptPanels() != nil)
        }
    }

    #if os(Linux)
        @Test("Packing a weight releases its pages of the file from memory")
        func residentBytes() throws {
            let (weight, _) = try stored([1024, 1024], as: .float32, seed: 11)
            let sum = weight.sum()
            let before = try ResidentWeightsTests.residentBytes(of: file)
            #expect(weight.keptPanels() != nil)
            #expect(try ResidentWeightsTests.residentBytes(of: file) <= before - 4_000_000)
            #expect(weight.sum() == sum)
        }
    #endif
}
