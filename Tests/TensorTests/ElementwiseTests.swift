import Foundation
import Tensor
import Testing

/// An elementwise function and its definition in Double.
struct Function: Sendable, CustomStringConvertible {
    let name: String
    var isPositiveOnly = false
    let operation: @Sendable (Tensor) -> Tensor
    let reference: @Sendable (Double) -> Double
    var description: String { name }

    static let all: [Function] = [
        Function(name: "exp", operation: { $0.exp() }, reference: { Foundation.exp($0) }),
        Function(name: "sqrt", isPositiveOnly: true, operation: { $0.squareRoot() }, reference: { $0.squareRoot() }),
        Function(name: "square", operation: { $0.squared() }, reference: { $0 * $0 }),
        Function(name: "reciprocal", isPositiveOnly: true, operation: { $0.reciprocal() }, reference: { 1 / $0 }),
        Function(name: "log", isPositiveOnly: true, operation: { $0.log() }, reference: { Foundation.log($0) }),
        Function(name: "sine", operation: { $0.sine() }, reference: { Foundation.sin($0) }),
        Function(name: "cosine", operation: { $0.cosine() }, reference: { Foundation.cos($0) }),
        Function(name: "tanh", operation: { $0.tanh() }, reference: { Foundation.tanh($0) }),
        Function(name: "sigmoid", operation: { $0.sigmoid() }, reference: { 1 / (1 + Foundation.exp(-$0)) }),
        Function(name: "silu", operation: { $0.silu() }, reference: { $0 / (1 + Foundation.exp(-$0)) }),
        Function(name: "gelu", operation: { $0.gelu() }, reference: { 0.5 * $0 * erfc(-$0 / 2.0.squareRoot()) }),
        Function(
            name: "quick gelu", operation: { $0.quickGELU() }, reference: { $0 / (1 + Foundation.exp(-1.702 * $0)) }),
        Function(name: "absolute", operation: { $0.absolute() }, reference: { abs($0) }),
        Function(name: "negate", operation: { -$0 }, reference: { -$0 }),
    ]
}

@Suite("Elementwise operations, broadcasting and reductions")
struct ElementwiseTests {
    /// Errors are relative to 1 + |y|: the functions are built from an exponential accurate to 1e-7.
    @Test(arguments: Function.all)
    func functions(_ function: Function) {
        let inputs = (1...4_003).map { Float($0) * 0.005 - (function.isPositiveOnly ? 0 : 10) }
        let outputs = function.operation(Tensor(inputs, shape: [inputs.count])).scalars
        for (x, y) in zip(inputs, outputs) {
            let expected = function.reference(Double(x))
            #expect(abs(Double(y) - expected) <= 4e-7 * (1 + abs(expected)), "\(function.name)(\(x))")
        }
    }

    @Test func specialValues() {
        let x = Tensor([.infinity, -.infinity, .nan, 200, -200], shape: [5])
        let y = x.exp().scalars
        #expect(y[0] == .infinity && y[1] == 0 && y[2].isNaN && y[3] == .infinity && y[4] == 0)
        // The range of Float32: the largest number is e^88.7228, the smallest with full precision e^−87.3365.
        let ends = Tensor([88.7, 88.73, -86.9, -87.4], shape: [4]).exp().scalars
        #expect(abs(ends[0] / 3.32599e38 - 1) < 1e-5 && ends[1] == .infinity && ends[2] > 1.8e-38 && ends[3] == 0)
        #expect(x.clamped(to: -1...1).scalars[2].isNaN)
        #expect(x.maximum().isNaN && x.minimum().isNaN)
        #expect(x.nonFiniteCount() == 3)
        #expect(x.silu().scalars[2].isNaN)
    }

    @Test(arguments: [
        ([3], [3]), ([2, 3], [3]), ([2, 3], [2, 1]), ([4, 1, 3], [2, 1]), ([], [2, 2]), ([2, 1, 4, 1], [3, 1, 5]),
        ([1, 1], [1]), ([5, 4, 3], [5, 1, 3]),
    ])
    func broadcasting(left: [Int], right: [Int]) throws {
        let a = Reference.numbers(left, seed: 1)
        let b = Reference.numbers(right, seed: 2) + 2
        let difference = a - b
        let shape = difference.shape
        #expect((b - a).shape == shape)
        for flat in 0..<difference.count {
            var rest = flat
            var index = [Int](repeating: 0, count: shape.count)
            for axis in shape.indices.reversed() {
                index[axis] = rest % shape[axis]
                rest /= shape[axis]
            }
            func element(_ t: Tensor) -> Float {
                var offset = 0
                for (extent, i) in zip(t.shape, index.suffix(t.rank)) {
                    offset = offset * extent + (extent == 1 ? 0 : i)
                }
                return t.scalars[offset]
            }
            #expect(difference.scalars[flat] == element(a) - element(b))
            #expect((a / b).scalars[flat] == element(a) / element(b))
            #expect((b * a).scalars[flat] == element(b) * element(a))
        }
        #expect(difference.summed(to: left).shape == left)
    }

    @Test func inPlaceLeavesCopiesAlone() {
        let original = Reference.numbers([3, 4], seed: 3)
        let before = original.scalars
        var copy = original
        copy += 1
        copy *= Tensor.ones([4])
        copy.addScaled(copy, by: 1)
        #expect(original.scalars == before)
        #expect(copy.scalars == before.map { ($0 + 1) * 2 })
    }

    @Test(arguments: [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2], []])
    func sums(axes: [Int]) {
        let x = Reference.numbers([3, 70, 5], seed: 4)
        let kept = x.sum(alongAxes: axes, keepingDimensions: true)
        #expect(kept.shape == (0..<3).map { axes.contains($0) ? 1 : x.shape[$0] })
        for i in 0..<kept.shape[0] {
            for j in 0..<kept.shape[1] {
                for k in 0..<kept.shape[2] {
                    var sum = 0.0
                    for a in axes.contains(0) ? 0..<3 : i..<i + 1 {
                        for b in axes.contains(1) ? 0..<70 : j..<j + 1 {
                            for c in axes.contains(2) ? 0..<5 : k..<k + 1 { sum += Double(x[a, b, c]) }
                        }
                    }
                    #expect(abs(Double(kept[i, j, k]) - sum) < 1e-6 * (1 + abs(sum)))
                }
            }
        }
        #expect(x.sum(alongAxes: axes).count == kept.count)
    }
}
