import Foundation
import Tensor
import Testing

@Suite("Shapes, normalisation and resampling")
struct NetworkOperationTests {
    @Test func layouts() {
        let x = Reference.numbers([2, 3, 4, 5], seed: 1)
        let last = x.channelsLast()
        #expect(last.shape == [2, 4, 5, 3] && last[1, 3, 2, 0] == x[1, 0, 3, 2])
        #expect(last.channelsFirst().scalars == x.scalars)
        let permuted = x.transposed([3, 1, 0, 2])
        #expect(permuted.shape == [5, 3, 2, 4] && permuted[4, 2, 1, 3] == x[1, 2, 3, 4])
        let flat = x.reshaped(to: [6, 1, 20]).transposed([1, 0, 2])
        #expect(flat.shape == [1, 6, 20] && flat.scalars == x.scalars)
        #expect(x.reshaped(to: [6, 1, 20]).transposed([2, 1, 0])[7, 0, 4] == x[1, 1, 1, 2])
        #expect(x.sliced(axis: 2, 1..<3)[1, 2, 1, 4] == x[1, 2, 2, 4])
        let joined = Tensor.concatenate([x.sliced(axis: 1, 0..<1), x.sliced(axis: 1, 1..<3)], axis: 1)
        #expect(joined.scalars == x.scalars)
        #expect(x.gathered(rows: [1, 0, 1])[2, 1, 2, 3] == x[1, 1, 2, 3])
        #expect(x.reshaped(to: [6, -1]).shape == [6, 20])
    }

    /// A large mean must not reduce the precision of the variance.
    @Test(arguments: [(2, 6, 10, 0.0 as Float), (4, 8, 33, 100), (1, 3, 7, -5)])
    func groupNorm(groups: Int, channels: Int, side: Int, mean: Float) {
        let x = Reference.numbers([2, side, side, channels], seed: 2) + mean
        let scale = Reference.numbers([channels], seed: 3)
        let offset = Reference.numbers([channels], seed: 4)
        let y = x.groupNorm(groups: groups, scale: scale, offset: offset, epsilon: 1e-5)
        let perGroup = channels / groups
        var expected = [Double](repeating: 0, count: x.count)
        let scalars = x.scalars
        for image in 0..<2 {
            for group in 0..<groups {
                let places = (0..<side * side).flatMap { position in
                    (0..<perGroup).map { (image * side * side + position) * channels + group * perGroup + $0 }
                }
                let average = places.reduce(0.0) { $0 + Double(scalars[$1]) } / Double(places.count)
                let variance = places.reduce(0.0) { $0 + pow(Double(scalars[$1]) - average, 2) } / Double(places.count)
                for place in places {
                    let normal = (Double(scalars[place]) - average) / (variance + 1e-5).squareRoot()
                    expected[place] = normal * Double(scale[place % channels]) + Double(offset[place % channels])
                }
            }
        }
        // The Float32 spacing at |mean| / deviation bounds the accuracy of any Float32 result.
        #expect(Reference.error(y, expected) < 1e-6 + 3e-7 * Double(abs(mean)))
    }

    @Test func layerNormAndSoftmax() {
        let x = Reference.numbers([5, 37], seed: 5) * 4
        let y = x.layerNorm(scale: .ones([37]), offset: .zeros([37]), epsilon: 0)
        let weights = x.softmax()
        for row in 0..<5 {
            let slice = y.sliced(axis: 0, row..<row + 1)
            #expect(abs(slice.mean()) < 1e-6 && abs(slice.squaredNorm() / 37 - 1) < 1e-5)
            let source = x.sliced(axis: 0, row..<row + 1).scalars.map { exp(Double($0)) }
            let total = source.reduce(0, +)
            #expect(Reference.error(weights.sliced(axis: 0, row..<row + 1), source.map { $0 / total }) < 1e-6)
        }
    }

    @Test func resampling() {
        let x = Reference.numbers([2, 3, 5, 4], seed: 6)
        let up = x.upsampledNearest()
        #expect(up.shape == [2, 6, 10, 4] && up[1, 5, 8, 2] == x[1, 2, 4, 2])
        #expect((up.averagePooled(by: 2) - x).absolute().maximum() < 1e-7)
    }
}
