import Foundation
import Tensor

/// Plain loops in Double, with which the kernels are compared.
enum Reference {
    /// Pseudo-random numbers in −1…1, the same on every run.
    static func numbers(_ shape: [Int], seed: UInt64) -> Tensor {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        let scalars = (0..<shape.reduce(1, *)).map { _ -> Float in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
        }
        return Tensor(scalars, shape: shape)
    }

    /// max |a − b| / max |b|, with `b` in Double.
    static func error(_ a: Tensor, _ b: [Double]) -> Double {
        let scale = b.map(abs).max() ?? 1
        return zip(a.scalars, b).map { abs(Double($0) - $1) }.max().map { $0 / max(scale, 1e-30) } ?? 0
    }

    static func matmul(_ a: [Float], _ b: [Float], m: Int, n: Int, k: Int) -> [Double] {
        var c = [Double](repeating: 0, count: m * n)
        for i in 0..<m {
            for j in 0..<n {
                for l in 0..<k { c[i * n + j] += Double(a[i * k + l]) * Double(b[l * n + j]) }
            }
        }
        return c
    }

    static func conv2d(_ x: Tensor, _ w: Tensor, stride: Int, _ padding: ConvolutionPadding) -> [Double] {
        let (height, width, inputs) = (x.shape[1], x.shape[2], x.shape[3])
        let (outputs, kernelHeight, kernelWidth) = (w.shape[0], w.shape[2], w.shape[3])
        let taps = kernelHeight * kernelWidth
        let outputHeight = (height + padding.top + padding.bottom - kernelHeight) / stride + 1
        let outputWidth = (width + padding.left + padding.right - kernelWidth) / stride + 1
        let (source, weights) = (x.scalars, w.scalars)
        var y: [Double] = []
        for image in 0..<x.shape[0] {
            for row in 0..<outputHeight {
                for column in 0..<outputWidth {
                    var sums = [Double](repeating: 0, count: outputs)
                    for tap in 0..<taps {
                        let i = row * stride + tap / kernelWidth - padding.top
                        let j = column * stride + tap % kernelWidth - padding.left
                        guard i >= 0, j >= 0, i < height, j < width else { continue }
                        for channel in 0..<inputs {
                            let value = Double(source[((image * height + i) * width + j) * inputs + channel])
                            for output in 0..<outputs {
                                sums[output] += value * Double(weights[(output * inputs + channel) * taps + tap])
                            }
                        }
                    }
                    y += sums
                }
            }
        }
        return y
    }

    /// Attention of one batch; rows of `heads · width`.
    static func attention(_ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int, isCausal: Bool) -> [Double] {
        let (batch, queries, keys, total) = (q.shape[0], q.shape[1], k.shape[1], q.shape[2])
        let width = total / heads
        let (qs, ks, vs) = (q.scalars.map(Double.init), k.scalars.map(Double.init), v.scalars.map(Double.init))
        var y = [Double](repeating: 0, count: q.count)
        for image in 0..<batch {
            for head in 0..<heads {
                for i in 0..<queries {
                    let query = (image * queries + i) * total + head * width
                    var weights = (0..<(isCausal ? i + 1 : keys)).map { j -> Double in
                        let key = (image * keys + j) * total + head * width
                        let score = (0..<width).reduce(0.0) { $0 + qs[query + $1] * ks[key + $1] }
                        return score / Double(width).squareRoot()
                    }
                    let largest = weights.max() ?? 0
                    weights = weights.map { exp($0 - largest) }
                    let sum = weights.reduce(0, +)
                    for (j, weight) in weights.enumerated() {
                        let value = (image * keys + j) * total + head * width
                        for c in 0..<width { y[query + c] += weight / sum * vs[value + c] }
                    }
                }
            }
        }
        return y
    }
}
