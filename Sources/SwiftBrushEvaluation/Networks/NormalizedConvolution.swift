import Autograd
import Tensor

/// A convolution without bias, batch normalisation with its running statistics, and an activation; the first two are folded into
/// one convolution.
final class NormalizedConvolution: Sendable {
    enum Padding {
        /// The same number of rows and of columns of zeros on both sides.
        case zeros(height: Int, width: Int)
        /// TensorFlow's `SAME`: zeros that make the result's extent ⌈extent / stride⌉; an odd row or column is at the bottom or right.
        case same
    }

    enum Ending {
        case none, relu, relu6
    }

    private let weight, scale, offset, mean, variance: Parameter
    private let epsilon: Float
    private let stride: Int
    private let padding: Padding
    private let ending: Ending
    private let isDepthwise: Bool
    /// The kernel and the bias, folded at the first use.
    private let folded = Lock((kernel: Tensor, bias: Tensor)?.none)

    /// - Parameters:
    ///   - inputs: the number of input channels.
    ///   - outputs: the number of output channels; nil means a depthwise convolution.
    ///   - kernel: the kernel's size.
    ///   - stride: the stride in both directions.
    ///   - padding: the padding.
    ///   - epsilon: added to the variances.
    ///   - ending: the activation.
    ///   - convolution: the scope of the kernel.
    ///   - norm: the scope of the normalisation's parameters.
    init(
        inputs: Int, outputs: Int?, kernel: (height: Int, width: Int), stride: Int = 1, padding: Padding,
        epsilon: Float,
        ending: Ending, convolution: ParameterScope, norm: ParameterScope
    ) {
        let channels = outputs ?? inputs
        isDepthwise = outputs == nil
        let depth = isDepthwise ? 1 : inputs
        weight = convolution.parameter(
            "weight", shape: [channels, depth, kernel.height, kernel.width],
            initializer: .kaimingUniform(fanIn: depth * kernel.height * kernel.width))
        func vector(_ name: String, _ initializer: Initializer) -> Parameter {
            norm.parameter(name, shape: [channels], initializer: initializer)
        }
        (scale, offset) = (vector("weight", .ones), vector("bias", .zeros))
        (mean, variance) = (vector("running_mean", .zeros), vector("running_var", .ones))
        (self.stride, self.padding, self.epsilon, self.ending) = (stride, padding, epsilon, ending)
    }

    /// `[batch, height, width, inputs]` → `[batch, height′, width′, outputs]`.
    func callAsFunction(_ x: Tensor) -> Tensor {
        let (kernel, bias) = folded.withLock { folded in
            let weights = folded ?? foldedWeights()
            folded = weights
            return weights
        }
        let padding = padding(for: x)
        let result =
            isDepthwise
            ? x.depthwiseConv2d(kernel: kernel, bias: bias, stride: stride, padding: padding)
            : x.conv2d(kernel: kernel, bias: bias, stride: stride, padding: padding)
        return switch ending {
        case .none: result
        case .relu: result.relu()
        case .relu6: result.clamped(to: 0...6)
        }
    }

    private func padding(for x: Tensor) -> ConvolutionPadding {
        switch padding {
        case .zeros(let height, let width):
            return ConvolutionPadding(top: height, left: width, bottom: height, right: width)
        case .same:
            func total(_ extent: Int, _ kernel: Int) -> Int {
                max(((extent + stride - 1) / stride - 1) * stride + kernel - extent, 0)
            }
            let (rows, columns) = (total(x.shape[1], weight.shape[2]), total(x.shape[2], weight.shape[3]))
            return ConvolutionPadding(
                top: rows / 2, left: columns / 2, bottom: rows - rows / 2, right: columns - columns / 2)
        }
    }

    /// γ (w ∗ x − μ)/√(σ² + ε) + β as one kernel and one bias.
    private func foldedWeights() -> (kernel: Tensor, bias: Tensor) {
        let factor = scale.value / (variance.value + epsilon).squareRoot()
        let kernel = weight.value.widened() * factor.reshaped(to: [factor.count, 1, 1, 1])
        return (kernel, offset.value - mean.value * factor)
    }
}
