import SwiftBrushTestTraits
import Tensor
import Testing

@Suite("Pooling and depthwise convolution", .highestPrecision)
struct PoolingTests {
    /// [1, 3, 4, 2]: 0, 1, 2, … in the first channel, their negatives in the second.
    private let map = Tensor((0..<12).flatMap { [Float($0), -Float($0)] }, shape: [1, 3, 4, 2])

    @Test("maxPooled takes the largest value inside the map")
    func largest() {
        #expect(
            map.maxPooled(size: 3, stride: 1, padding: 1).sliced(axis: 3, 0..<1).scalars == [
                5, 6, 7, 7, 9, 10, 11, 11, 9, 10, 11, 11,
            ])
        // Zero padding would be larger.
        #expect(map.maxPooled(size: 3, stride: 2, padding: 1).sliced(axis: 3, 1..<2).scalars == [0, -1, -4, -5])
        #expect(map.maxPooled(size: 2, stride: 2).shape == [1, 1, 2, 2])
    }

    @Test("averagePooled averages only values inside the map")
    func mean() {
        let found = map.averagePooled(size: 3, stride: 1, padding: 1)
        #expect(found[0, 0, 0, 0] == 2.5 && found[0, 1, 1, 0] == 5 && found[0, 2, 3, 1] == -8.5)
    }

    @Test("depthwiseConv2d equals a convolution with a diagonal kernel", arguments: [1, 2])
    func depthwise(stride: Int) {
        var stream = RandomStream(seed: 5)
        let (input, kernel, bias) = (stream.normal([2, 9, 7, 5]), stream.normal([5, 1, 3, 5]), stream.normal([5]))
        var full = Tensor.zeros([5, 5, 3, 5])
        for channel in 0..<5 {
            for row in 0..<3 {
                for column in 0..<5 { full[channel, channel, row, column] = kernel[channel, 0, row, column] }
            }
        }
        let padding = ConvolutionPadding(top: 0, left: 2, bottom: 1, right: 1)
        let found = input.depthwiseConv2d(kernel: kernel, bias: bias, stride: stride, padding: padding)
        let expected = input.conv2d(kernel: full, bias: bias, stride: stride, padding: padding)
        #expect(found.shape == expected.shape)
        // Fifteen products of normal numbers, summed in another order.
        #expect((found - expected).absolute().maximum() <= 1e-5)
    }
}
