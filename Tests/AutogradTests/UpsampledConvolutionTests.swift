import Autograd
import SwiftBrushTestFixtures
import Tensor
import Testing

/// Compares upsampling fused into a convolution, which skips some of Winograd's planes, with upsampling followed by a convolution.
@Suite("Upsampled convolutions")
struct UpsampledConvolutionTests {
    /// Few and many tiles, complete and partial ones, and paddings and factors whose tiles do not begin between two pixels of a pair.
    @Test(
        "Fused upsampling has the values and gradients of upsampling followed by a convolution",
        arguments: [
            (1, 2, 2, 1, 2), (1, 3, 4, 1, 2), (3, 5, 7, 1, 2), (2, 9, 8, 1, 2), (2, 14, 15, 1, 2), (2, 9, 8, 0, 2),
            (2, 9, 8, 2, 2), (2, 6, 5, 1, 3),
        ])
    func folded(batch: Int, height: Int, width: Int, padding: Int, factor: Int) throws {
        var stream = RandomStream(seed: 5)
        let input = stream.normal([batch, height, width, 19])
        let weights = stream.normal([35, 19, 3, 3])
        let bias = Variable(stream.normal([batch, 35]))
        func run(
            _ convolve: (Variable, Variable) -> Variable
        ) throws -> (value: Tensor, input: Tensor, kernel: Tensor) {
            let (x, kernel) = (Variable.trainable(input), Variable.trainable(weights))
            let y = convolve(x, kernel)
            var stream = RandomStream(seed: 6)
            y.backward(from: stream.normal(y.shape))
            return (y.value, try #require(x.gradient), try #require(kernel.gradient))
        }
        let found = try run { x, kernel in
            x.conv2d(kernel: kernel, bias: bias, padding: ConvolutionPadding(padding), upsampling: factor)
        }
        let expected = try run { x, kernel in
            x.upsampledNearest(by: factor).conv2d(kernel: kernel, bias: bias, padding: ConvolutionPadding(padding))
        }
        #expect(relativeError(found.value, expected.value) < 3e-5)
        #expect(relativeError(found.input, expected.input) < 3e-5)
        #expect(relativeError(found.kernel, expected.kernel) < 3e-5)
    }
}
