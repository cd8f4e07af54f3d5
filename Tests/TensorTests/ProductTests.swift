import SwiftBrushTestTraits
import Tensor
import Testing

/// Float32 sums of k products lose about √k units in the last place; 2e-6 of the largest result covers the sizes here.
private let bound = 2e-6

@Suite("Matrix products and convolutions against plain loops", .highestPrecision)
struct ProductTests {
    @Test(arguments: [
        (1, 1, 1), (5, 7, 3), (6, 16, 256), (13, 33, 257), (97, 50, 300), (200, 17, 9), (128, 300, 600),
        // Rows that map to the same cache sets.
        (30, 70, 1_024), (270, 40, 2_048),
    ])
    func matmul(m: Int, n: Int, k: Int) {
        let a = Reference.numbers([m, k], seed: 1)
        let b = Reference.numbers([k, n], seed: 2)
        let expected = Reference.matmul(a.scalars, b.scalars, m: m, n: n, k: k)
        let (aT, bT) = (a.transposed([1, 0]), b.transposed([1, 0]))
        #expect(Reference.error(a.matmul(b), expected) < bound)
        #expect(Reference.error(aT.matmul(b, transposingSelf: true), expected) < bound)
        #expect(Reference.error(a.matmul(bT, transposingOther: true), expected) < bound)
        #expect(Reference.error(aT.matmul(bT, transposingSelf: true, transposingOther: true), expected) < bound)
    }

    /// An empty sum is zero.
    @Test func emptyInnerAxis() {
        let product = Tensor.zeros([40, 0]).matmul(Tensor.zeros([0, 50]))
        #expect(product.shape == [40, 50] && product.scalars.allSatisfy { $0 == 0 })
    }

    /// More rows than one task has, with and without a bias.
    @Test func largeLinear() {
        let (m, n, k) = (1_100, 200, 150)
        let x = Reference.numbers([m, k], seed: 3)
        let weight = Reference.numbers([n, k], seed: 4)
        let bias = Reference.numbers([n], seed: 5)
        let product = Reference.matmul(x.scalars, weight.transposed([1, 0]).scalars, m: m, n: n, k: k)
        let shifts = bias.scalars
        let shifted = product.indices.map { product[$0] + Double(shifts[$0 % n]) }
        #expect(Reference.error(x.linear(weight: weight, bias: nil), product) < bound)
        #expect(Reference.error(x.linear(weight: weight, bias: bias), shifted) < bound)
    }

    @Test func batchedMatmul() {
        let a = Reference.numbers([2, 3, 5, 4], seed: 6)
        let b = Reference.numbers([2, 3, 4, 7], seed: 7)
        let product = a.matmul(b)
        #expect(product.shape == [2, 3, 5, 7])
        for i in 0..<6 {
            let left = a.reshaped(to: [6, 5, 4]).sliced(axis: 0, i..<i + 1).scalars
            let right = b.reshaped(to: [6, 4, 7]).sliced(axis: 0, i..<i + 1).scalars
            let part = product.reshaped(to: [6, 5, 7]).sliced(axis: 0, i..<i + 1)
            #expect(Reference.error(part, Reference.matmul(left, right, m: 5, n: 7, k: 4)) < bound)
        }
    }

    @Test(arguments: [
        (3, 1, ConvolutionPadding(1)), (3, 2, ConvolutionPadding(1)), (1, 1, ConvolutionPadding(0)),
        (3, 2, ConvolutionPadding(top: 0, left: 0, bottom: 1, right: 1)), (5, 3, ConvolutionPadding(2)),
        (1, 2, ConvolutionPadding(0)),
    ])
    func conv2d(size: Int, stride: Int, padding: ConvolutionPadding) {
        for (batch, height, width, inputs, outputs) in [(2, 7, 9, 3, 5), (1, 16, 11, 20, 33), (3, 5, 5, 64, 16)] {
            let x = Reference.numbers([batch, height, width, inputs], seed: 8)
            let kernel = Reference.numbers([outputs, inputs, size, size], seed: 9)
            let y = x.conv2d(kernel: kernel, bias: nil, stride: stride, padding: padding)
            #expect(Reference.error(y, Reference.conv2d(x, kernel, stride: stride, padding)) < bound)
            let bias = Reference.numbers([outputs], seed: 10)
            let shifted = x.conv2d(kernel: kernel, bias: bias, stride: stride, padding: padding)
            // The bias is added in another order: equal up to one unit in the last place of sums near √(9·64).
            #expect((shifted - (y + bias)).absolute().maximum() < 2e-5)
        }
    }

    /// More patches than are gathered at once.
    @Test func manyPatches() {
        let x = Reference.numbers([2, 40, 37, 160], seed: 16)
        let kernel = Reference.numbers([35, 160, 3, 3], seed: 17)
        let y = x.conv2d(kernel: kernel, bias: nil, stride: 2, padding: ConvolutionPadding(1))
        #expect(Reference.error(y, Reference.conv2d(x, kernel, stride: 2, ConvolutionPadding(1))) < bound)
    }

    /// Kernels that are transformed in one piece and in several, for few tiles and for many.
    @Test(arguments: [(12, 16), (12, 500), (29, 400), (36, 48)])
    func winogradBlocks(side: Int, inputs: Int) {
        let x = Reference.numbers([1, side, side, inputs], seed: 18)
        let kernel = Reference.numbers([33, inputs, 3, 3], seed: 19)
        let y = x.conv2d(kernel: kernel, bias: nil, padding: ConvolutionPadding(1))
        // Winograd's rounding error, as stated for ConvolutionAlgorithm.fastest, for sums of some four standard deviations.
        #expect(Reference.error(y, Reference.conv2d(x, kernel, stride: 1, ConvolutionPadding(1))) < 1e-5)
    }

    /// Few tiles, which multiply a kernel's planes while they are in the first-level cache, with whole and partial blocks of channels.
    @Test(arguments: [(1, 4, 16), (1, 5, 37), (7, 4, 21), (2, 8, 500), (1, 3, 70)])
    func fewWinogradTiles(batch: Int, side: Int, inputs: Int) {
        let x = Reference.numbers([batch, side, side, inputs], seed: 20)
        let kernel = Reference.numbers([35, inputs, 3, 3], seed: 21)
        let y = x.conv2d(kernel: kernel, bias: nil, padding: ConvolutionPadding(1))
        #expect(Reference.error(y, Reference.conv2d(x, kernel, stride: 1, ConvolutionPadding(1))) < 1e-5)
        let bias = Reference.numbers([batch, 35], seed: 22)
        let addend = Reference.numbers(y.shape, seed: 23)
        let all = x.conv2d(kernel: kernel, bias: bias, padding: ConvolutionPadding(1), adding: addend)
        let shifted = y + bias.reshaped(to: [batch, 1, 1, 35]) + addend
        #expect((all - shifted).absolute().maximum() < 2e-5)
    }

    @Test(arguments: [(1, 1), (7, 7), (48, 128), (49, 129), (200, 20), (3, 300)])
    func attention(queries: Int, keys: Int) {
        for (heads, width) in [(1, 5), (3, 8), (2, 24)] {
            let q = Reference.numbers([2, queries, heads * width], seed: 11) * 3
            let k = Reference.numbers([2, keys, heads * width], seed: 12)
            let v = Reference.numbers([2, keys, heads * width], seed: 13)
            for isCausal in queries == keys ? [false, true] : [false] {
                let y = q.attention(keys: k, values: v, heads: heads, isCausal: isCausal)
                let expected = Reference.attention(q, k, v, heads: heads, isCausal: isCausal)
                #expect(Reference.error(y, expected) < 5e-6, "heads \(heads), causal \(isCausal)")
            }
        }
    }

    @Test("Masked keys and keys with far smaller scores get zero weight; NaN propagates")
    func vanishingWeights() {
        let (count, width) = (70, 8)
        let q = Reference.numbers([1, count, width], seed: 14)
        let k = Reference.numbers([1, count, width], seed: 15)
        let v = Reference.numbers([1, count, width], seed: 16)
        let huge = Tensor(repeating: 1e30, shape: [1, 1, width])
        let before = q.attention(keys: k, values: v, heads: 1, isCausal: true)
        let hidden = Tensor.concatenate([v.sliced(axis: 1, 0..<count - 1), huge], axis: 1)
        let after = q.attention(keys: k, values: hidden, heads: 1, isCausal: true)
        let isEqual = after.scalars.dropLast(width) == before.scalars.dropLast(width)
        #expect(isEqual)

        let ones = Tensor(repeating: 1, shape: [1, 1, width])
        let values = Tensor.concatenate([ones, huge], axis: 1)
        func answer(toSecondKey key: Float) -> [Float] {
            let keys = Tensor.concatenate([ones * 100, ones * key], axis: 1)
            return (ones * 100).attention(keys: keys, values: values, heads: 1).scalars
        }
        #expect(answer(toSecondKey: -100) == ones.scalars)
        #expect(answer(toSecondKey: .nan).allSatisfy { $0.isNaN })
    }

    @Test func sharedKeys() {
        let q = Reference.numbers([3, 20, 24], seed: 11)
        let k = Reference.numbers([2, 30, 24], seed: 12)
        let v = Reference.numbers([2, 30, 24], seed: 13)
        let rows = [1, 0, 1]
        let repeated = q.attention(keys: k.gathered(rows: rows), values: v.gathered(rows: rows), heads: 3)
        #expect(q.attention(keys: k, values: v, heads: 3, keyRows: rows).scalars == repeated.scalars)
    }

    @Test("A convolution is the same, bit for bit, with 1 and 2 threads")
    func convolutionOnSeveralThreads() async {
        // In a process of its own, because the number of threads is a setting of the process.
        await #expect(processExitsWith: .success) {
            let x = Reference.numbers([3, 17, 19, 24], seed: 14)
            let kernel = Reference.numbers([40, 24, 3, 3], seed: 15)
            let results = [1, 2].map { threads in
                ThreadPool.threadCount = threads
                return x.conv2d(kernel: kernel, bias: nil, padding: ConvolutionPadding(1)).scalars
            }
            #expect(results[0] == results[1])
        }
    }
}
