import CTensorKernels
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Testing

@testable import Tensor

/// Weights in 8-bit integers with one scale for each output.
@Suite("Weights in 8-bit integers", .highestPrecision)
final class QuantizedWeightsTests {
    private let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")
    private let copy = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")

    deinit { for url in [file, copy] { try? FileManager.default.removeItem(at: url) } }

    private static let shapes = [[1, 2], [19, 37], [100, 64], [33, 20, 3, 3], [5, 7, 1, 1], [12, 16, 4, 4]]

    /// The integers of a weight.
    private static func integers(_ weight: Tensor) -> [Int8] { weight.storedBytes.map { Int8(bitPattern: $0) } }

    @Test("Integers and scales are those of the formula, bit for bit", arguments: shapes)
    func formula(shape: [Int]) throws {
        let weight = Reference.numbers(shape, seed: 1)
        let quantized = weight.quantized()
        #expect(quantized.scalarType == .int8 && quantized.shape == shape)
        let width = weight.count / shape[0]
        let rows = stride(from: 0, to: weight.count, by: width).map { Array(weight.scalars[$0..<$0 + width]) }
        let scales = rows.map { ($0.map(abs).max() ?? 0) / 127 }
        #expect(try #require(quantized.scales).scalars == scales)
        let integers = zip(rows, scales).flatMap { row, scale in
            row.map { Int8(($0 / scale).rounded(.toNearestOrEven)) }
        }
        #expect(Self.integers(quantized) == integers)
        #expect(quantized.scalars == integers.enumerated().map { Float($1) * scales[$0 / width] })
        #expect(quantized.storedByteCount == weight.count + 4 * shape[0])
    }

    @Test("Ties go to even, outputs of zeros stay zero, and so do those that are too small for a scale")
    func edges() {
        let tiny = 100 * Float.leastNormalMagnitude
        let weight = Tensor([127, 0.5, 1.5, -2.5, 0, 0, 0, 0] + [1, -1, 0.1, 0].map { $0 * tiny }, shape: [3, 4])
        let quantized = weight.quantized()
        #expect(Self.integers(quantized) == [127, 0, 2, -2, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(quantized.scales?.scalars == [1, 0, 0])
        #expect(quantized.quantized().scalars == quantized.scalars)
        for broken in [Float.nan, -.nan, .infinity, -.infinity] {
            for place in [0, 17, 39] {
                var weight = Tensor.ones([2, 40])
                weight[1, place] = broken
                #expect(weight.quantized().scales?.scalars[0] == Float(1) / 127)
                #expect(weight.quantized().scales?.scalars[1].isNaN == true)
            }
        }
    }

    @Test("PyTorch's integers, except where its reciprocal rounds a tie otherwise, and errors of at most half a scale")
    func torch() throws {
        let golden = try Fixtures.tensors("int8/quantized.safetensors")
        for name in ["linear", "convolution"] {
            func tensor(_ part: String) throws -> Tensor { try #require(golden["\(name).\(part)"]) }
            let (weight, scales) = (try tensor("weight"), try tensor("scale"))
            let quantized = weight.quantized()
            #expect(quantized.scales == scales)
            #expect(Self.integers(quantized).map(Float.init) == (try tensor("integers")).scalars)
            #expect(quantized.widened() == (try tensor("dequantized")))
            let width = weight.count / weight.shape[0]
            let errors = (quantized - weight).scalars.enumerated().map { abs($1) / scales.scalars[$0 / width] }
            // Half a scale, and the rounding of the quotient and of the product, at most 127 times Float32's.
            #expect(try #require(errors.max()) <= 0.5 + 127 * 1.2e-7)
        }
        let (x, y) = (try #require(golden["linear.x"]), try #require(golden["linear.y"]))
        let weight = try #require(golden["linear.weight"]).quantized()
        #expect(relativeError(x.linear(weight: weight, bias: nil), y) <= 2e-6)
        let (map, target) = (try #require(golden["convolution.x"]), try #require(golden["convolution.y"]))
        let kernel = try #require(golden["convolution.weight"]).quantized()
        let found = map.channelsLast().conv2d(kernel: kernel, bias: nil, padding: ConvolutionPadding(1))
        #expect(relativeError(found.channelsFirst(), target) <= 2e-5)
    }

    @Test("Products, convolutions and their gradients equal those with Float32 copies")
    func products() {
        for (rows, width, outputs) in [(5, 37, 19), (300, 64, 100), (1, 1, 1), (3, 1, 40)] {
            let weight = Reference.numbers([outputs, width], seed: 2).quantized()
            let (x, y) = (Reference.numbers([rows, width], seed: 3), Reference.numbers([rows, outputs], seed: 4))
            #expect(x.linear(weight: weight, bias: nil) == x.linear(weight: weight.widened(), bias: nil))
            #expect(y.matmul(weight) == y.matmul(weight.widened()))
            // Rows of the weight are read in parts, across outputs.
            let other = weight.reshaped(to: [width, outputs])
            #expect(x.matmul(other) == x.matmul(weight.widened().reshaped(to: [width, outputs])))
        }
        for (inputs, size, padding) in [(20, 1, 0), (20, 3, 1), (1, 3, 1), (20, 4, 2)] {
            let kernel = Reference.numbers([33, inputs, size, size], seed: 5).quantized()
            for side in [9, 32] {
                let x = Reference.numbers([2, side, side - 1, inputs], seed: 6)
                let y = x.conv2d(kernel: kernel, bias: nil, padding: ConvolutionPadding(padding))
                #expect(y == x.conv2d(kernel: kernel.widened(), bias: nil, padding: ConvolutionPadding(padding)))
                let geometry = ConvolutionGeometry(
                    input: x.shape, kernel: kernel.shape, stride: 1, padding: ConvolutionPadding(padding), upsampling: 1
                )
                #expect(
                    y.convolutionInputGradient(geometry, kernel: kernel)
                        == y.convolutionInputGradient(geometry, kernel: kernel.widened()))
            }
        }
    }

    @Test("Panels of every precision and instruction set equal those of a Float32 copy, bit for bit", arguments: shapes)
    func panels(shape: [Int]) {
        let weight = Reference.numbers(shape, seed: 7).quantized()
        let (outputs, rows) = (shape[0], weight.count / shape[0])
        let names = ["baseline", "avx2", "avx512", "avx512_bf16", "model", "amx"]
        for table in names.compactMap({ (name: String) in tensor_kernels_named(name)?.pointee }) {
            for product in [table.highest, table.high, table.medium].map({ MatrixProduct($0) }) {
                func packed(_ weight: Tensor, transposed: Bool) -> [UInt8] {
                    let (k, n) = transposed ? (rows, outputs) : (outputs, rows)
                    return withScratch(byteCount: product.panelBytes(n: n, k: k)) { memory in
                        let view = MatrixView(weight, stride: rows, transposed: transposed)
                        product.pack(view, rows: k, columns: n, into: memory)
                        return Array(UnsafeRawBufferPointer(start: memory, count: product.panelBytes(n: n, k: k)))
                    }
                }
                for transposed in [false, true] {
                    #expect(
                        packed(weight, transposed: transposed) == packed(weight.widened(), transposed: transposed))
                }
            }
        }
    }

    @Test("Lookups, slices and other operations read the same numbers")
    func otherOperations() {
        let weight = Reference.numbers([7, 11], seed: 8).quantized()
        let plain = weight.widened()
        #expect(weight.gathered(rows: [6, 0, 6]) == plain.gathered(rows: [6, 0, 6]))
        let part = weight.sliced(axis: 0, 2..<5)
        #expect(part.scalarType == .int8 && part == plain.sliced(axis: 0, 2..<5))
        #expect(part.scales == weight.scales?.sliced(axis: 0, 2..<5))
        let x = Reference.numbers([4, 11], seed: 9)
        #expect(x.linear(weight: part, bias: nil) == x.linear(weight: part.widened(), bias: nil))
        #expect(weight.sliced(axis: 1, 3..<9) == plain.sliced(axis: 1, 3..<9))
        #expect(weight + weight == plain + plain)
        #expect(weight.transposed([1, 0]) == plain.transposed([1, 0]))
        #expect(weight.reshaped(to: [7, 11, 1, 1]).scalarType == .int8)
        #expect(Tensor.ones([5, 1]).quantized().scalarType == .float32)
        #expect(weight.reshaped(to: [77]).scalarType == .float32)
        #expect(weight.nonFiniteCount() == 0)
        var changed = weight
        changed[1, 2] = 5
        #expect(changed.scalarType == .float32 && changed[1, 2] == 5 && weight == plain)
    }

    @Test("Weights saved and read again have the same bits, in a map and in memory", arguments: [true, false])
    func saving(isMapped: Bool) throws {
        let weight = Reference.numbers([13, 6, 3, 3], seed: 10).quantized()
        let plain = Reference.numbers([5], seed: 11)
        try Safetensors.write([("plain", plain), ("weight", weight)], scalarType: .int8, to: file)
        let opened = try SafetensorsFile(contentsOf: file, storage: isMapped ? .mapped : .memory)
        #expect(opened.names == ["plain", "weight", "weight_scale"])
        #expect(opened.info("weight") == .init(scalarType: .int8, shape: weight.shape))
        #expect(opened.info("weight_scale") == .init(scalarType: .float32, shape: [13]))
        #expect(try opened.tensor("plain") == plain)
        let read = try opened.mappedTensor("weight")
        #expect(read.scalarType == .int8)
        #expect(read.storedBytes == weight.storedBytes && read.scales == weight.scales)
        #expect(try opened.tensor("weight") == weight.widened())
        try Safetensors.write([("plain", plain), ("weight", read)], scalarType: .int8, to: copy)
        #expect(try Data(contentsOf: copy) == Data(contentsOf: file))
        try Safetensors.write([("weight", read)], to: copy)
        #expect(try SafetensorsFile(contentsOf: copy).mappedTensor("weight") == weight.widened())
    }

    @Test("Scales of another shape or type are an error with what was expected and found")
    func wrongScales() throws {
        let weight = Reference.numbers([3, 4], seed: 12).quantized()
        for (scales, type, found) in [
            (Tensor.ones([4]), ScalarType.float32, "F32 of shape [4]"),
            (Tensor.ones([3, 1]), .float32, "F32 of shape [3, 1]"), (Tensor.ones([3]), .float16, "F16 of shape [3]"),
        ] {
            let bytes = Data(weight.storedBytes) + Data(repeating: 0, count: scales.count * type.byteCount)
            let header = """
                {"w":{"dtype":"I8","shape":[3,4],"data_offsets":[0,12]},\
                "w_scale":{"dtype":"\(type.rawValue)","shape":\(scales.shape),"data_offsets":[12,\(bytes.count)]}}
                """
            let text = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
            try (withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { Data($0) } + Data(text.utf8) + bytes)
                .write(to: file)
            let error = #expect(throws: SafetensorsError.self) {
                try SafetensorsFile(contentsOf: file).mappedTensor("w")
            }
            #expect(
                error?.description == """
                    \(file.path): not a valid safetensors file: tensor "w_scale": expected F32 of shape [3], one scale for each output of \
                    "w", whose shape is [3, 4], found \(found)
                    """)
        }
    }
}
