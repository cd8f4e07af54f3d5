import CTensorKernels
import Foundation
import Tensor
import Testing

/// Float32 products by `cblas_sgemm`, an independent implementation, compared with our own kernels.
@Suite("Products by BLAS")
struct ProductLibraryTests {
    private static let own = MatrixProduct(tensor_kernels().pointee.highest)

    @Test(
        "BLAS and our kernels agree, for transposed operands, a bias and an addend",
        arguments: [(1, 1, 1), (1, 9, 5), (5, 70, 37), (300, 64, 257), (33, 1, 8), (64, 96, 1_024)])
    func agreement(m: Int, n: Int, k: Int) throws {
        let library = MatrixProduct(tensor_kernels().pointee.highest, blas: try BLAS.shared())
        let (bias, addend) = (Reference.numbers([n], seed: 3), Reference.numbers([m, n], seed: 4))
        for (transposesLeft, transposesRight, added) in [
            (false, false, 0), (true, false, 1), (false, true, 2), (true, true, 3), (false, true, 4),
        ] {
            let left = Reference.numbers(transposesLeft ? [k, m] : [m, k], seed: 1)
            let right = Reference.numbers(transposesRight ? [n, k] : [k, n], seed: 2)
            func result(_ product: MatrixProduct) -> Tensor {
                // 4: the addend is the result itself.
                var result = addend
                let target = result.mutableBase()
                product.multiply(
                    m: m, n: n, k: k, MatrixView(left, stride: left.shape[1], transposed: transposesLeft),
                    MatrixView(right, stride: right.shape[1], transposed: transposesRight),
                    bias: added % 2 == 1 ? Shared(bias) : nil,
                    addend: added == 4 ? Shared(UnsafePointer(target)) : added >= 2 ? Shared(addend) : nil,
                    into: target, stride: n)
                return result
            }
            let (found, expected) = (result(library), result(Self.own))
            #expect(Reference.error(found, expected.scalars.map(Double.init)) <= 1e-5)
            // Sums of one product are exact either way; longer ones differ in the order of additions.
            #expect(k < 200 || found.scalars != expected.scalars)
        }
    }

    @Test("A right operand stored in 16 bits is multiplied by our own kernels")
    func storedInSixteenBits() throws {
        let library = MatrixProduct(tensor_kernels().pointee.highest, blas: try BLAS.shared())
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        try Safetensors.write([("weight", Reference.numbers([70, 37], seed: 5))], scalarType: .bfloat16, to: file)
        let weight = try SafetensorsFile(contentsOf: file).mappedTensor("weight")
        let x = Reference.numbers([5, 37], seed: 6)
        func result(_ product: MatrixProduct) -> [Float] {
            Tensor(shape: [5, 70]) { target in
                guard let base = target.baseAddress else { return }
                product.multiply(
                    m: 5, n: 70, k: 37, MatrixView(x, stride: 37), MatrixView(weight: weight, rows: 5, of: product),
                    into: base, stride: 70)
            }.scalars
        }
        #expect(result(library) == result(Self.own))
    }

    @Test("An unknown name in TENSOR_PRODUCTS ends the process with the list of names")
    func unknownName() async throws {
        let result = await #expect(processExitsWith: .exitCode(64), observing: [\.standardErrorContent]) {
            setenv("TENSOR_PRODUCTS", "mkl", 1)
            _ = Tensor.ones([2, 2]).matmul(.ones([2, 2]))
        }
        let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(message.contains("TENSOR_PRODUCTS: expected own or blas; found \"mkl\""))
    }

    @Test("TENSOR_PRODUCTS=blas computes matrix products, batches of them and linear layers")
    func blas() async {
        await #expect(processExitsWith: .success) {
            setenv("TENSOR_PRODUCTS", "blas", 1)
            let (a, b) = (Reference.numbers([3, 20, 300], seed: 7), Reference.numbers([3, 300, 30], seed: 8))
            let product = a.matmul(b)
            let weight = Reference.numbers([40, 300], seed: 9)
            let expected = MatrixProduct(tensor_kernels().pointee.highest)
            func own(_ left: Tensor, _ right: MatrixView, columns: Int) -> Tensor {
                Tensor(shape: [left.shape[0], columns]) { target in
                    guard let base = target.baseAddress else { return }
                    expected.multiply(
                        m: left.shape[0], n: columns, k: 300, MatrixView(left, stride: 300), right, into: base,
                        stride: columns)
                }
            }
            for i in 0..<3 {
                let part = own(a[image: i], MatrixView(b, offset: i * 9_000, stride: 30), columns: 30).scalars
                #expect(
                    Reference.error(product[image: i], part.map(Double.init)) <= 1e-5
                        && product[image: i].scalars != part)
            }
            let flat = a.reshaped(to: [60, 300])
            let linear = own(flat, MatrixView(weight, stride: 300, transposed: true), columns: 40).scalars
            let found = flat.linear(weight: weight, bias: nil)
            #expect(Reference.error(found, linear.map(Double.init)) <= 1e-5 && found.scalars != linear)
        }
    }

    @Test(
        "With TENSOR_PRODUCTS=blas every precision is Float32, in convolutions and attention too",
        arguments: ["model", "avx512_bf16"])
    func precisions(table: String) async {
        guard tensor_kernels_named(table) != nil else { return }
        await #expect(processExitsWith: .success) { [table] in
            setenv("TENSOR_PRODUCTS", "blas", 1)
            setenv("TENSOR_ISA", table, 1)
            let map = Reference.numbers([1, 64, 64, 64], seed: 10)
            let kernel = Reference.numbers([24, 64, 3, 3], seed: 11)
            let tokens = Reference.numbers([1, 70, 48], seed: 12)
            let results = MatmulPrecision.allCases.map { precision in
                precision.within {
                    [1, 2].map {
                        map.conv2d(kernel: kernel, bias: nil, stride: $0, padding: ConvolutionPadding(1)).scalars
                    }
                        + [tokens.attention(keys: tokens, values: tokens, heads: 2).scalars]
                }
            }
            #expect(results[1] == results[0] && results[2] == results[0])
            #expect(MatmulPrecision.medium.isFloat32)
        }
    }
}

extension Tensor {
    /// One matrix of a batch.
    fileprivate subscript(image index: Int) -> Tensor {
        sliced(axis: 0, index..<index + 1).reshaped(to: Array(shape.dropFirst()))
    }
}
