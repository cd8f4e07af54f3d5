import Autograd
import Tensor

/// A convolution without bias, batch normalisation with the statistics of its training, and an activation; computed as one
/// convolution.
final class NormalizedConvolution {
    enum Padding {
        /// Zeros around the map.
        case zeros(height: Int, width: Int)
        /// TensorFlow's: as many as make the result ⌈extent / stride⌉ wide, the odd one below and to the right.
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
    private lazy var folded = foldedWeights()

    /// - Parameters:
    ///   - inputs: channels before.
    ///   - outputs: channels after; where it is nil each channel has a kernel of its own.
    ///   - kernel: the kernel's extents.
    ///   - stride: the step in both directions.
    ///   - padding: around the map.
    ///   - epsilon: added to the variances.
    ///   - ending: the activation.
    ///   - convolution: the place of the kernel.
    ///   - norm: the place of the normalisation.
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
        let (kernel, bias) = folded
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
