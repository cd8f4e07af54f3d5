import Autograd
import Tensor

/// A residual block: two convolutions, each after group normalisation and activation, plus the input.
///
/// The timestep is added between them as an offset per channel; the autoencoder's blocks have none.
struct ResnetBlock2D {
    private let norm1: GroupNorm
    private let conv1: Conv2d
    private let timeProjection: Linear?
    private let norm2: GroupNorm
    private let conv2: Conv2d
    private let shortcut: Conv2d?
    private let activation: Activation

    init(inputs: Int, outputs: Int, timeWidth: Int?, style: BlockStyle, in scope: ParameterScope) {
        let epsilon = style.epsilon
        activation = style.activation
        norm1 = GroupNorm(channels: inputs, groups: style.groups, epsilon: epsilon, in: scope["norm1"])
        conv1 = Conv2d(inputs: inputs, outputs: outputs, kernelSize: 3, padding: .init(1), in: scope["conv1"])
        timeProjection = timeWidth.map { Linear(inputs: $0, outputs: outputs, in: scope["time_emb_proj"]) }
        norm2 = GroupNorm(channels: outputs, groups: style.groups, epsilon: epsilon, in: scope["norm2"])
        conv2 = Conv2d(inputs: outputs, outputs: outputs, kernelSize: 3, padding: .init(1), in: scope["conv2"])
        shortcut =
            inputs == outputs
            ? nil
            : Conv2d(inputs: inputs, outputs: outputs, kernelSize: 1, padding: .init(0), in: scope["conv_shortcut"])
    }

    /// `[batch, height, width, inputs]` → `[batch, height, width, outputs]`; `time` is the activated timestep embedding,
    /// `[batch, width]`.
    func callAsFunction(_ input: Variable, time: Variable? = nil) -> Variable {
        let offset = time.flatMap { time in timeProjection.map { $0(time) } }
        let hidden = conv1(norm1(input, activation: activation), offset: offset)
        return conv2(norm2(hidden, activation: activation), adding: shortcut?(input) ?? input)
    }
}

/// The settings that all residual blocks of a network share.
struct BlockStyle {
    /// Groups of the group normalisations.
    let groups: Int
    /// Added to their variances.
    let epsilon: Float
    /// The activation between normalisation and convolution.
    let activation: Activation
}

/// Halves height and width by a 3×3 convolution of stride 2.
struct Downsample2D {
    private let conv: Conv2d

    /// `padding` 0 stands for one row below and one column to the right, as the autoencoder pads.
    init(channels: Int, padding: Int, in scope: ParameterScope) {
        let border =
            padding == 0 ? ConvolutionPadding(top: 0, left: 0, bottom: 1, right: 1) : ConvolutionPadding(padding)
        conv = Conv2d(
            inputs: channels, outputs: channels, kernelSize: 3, stride: 2, padding: border, in: scope["conv"])
    }

    func callAsFunction(_ input: Variable) -> Variable { conv(input) }
}

/// Doubles height and width by repetition, then a 3×3 convolution.
struct Upsample2D {
    private let conv: Conv2d

    init(channels: Int, in scope: ParameterScope) {
        conv = Conv2d(inputs: channels, outputs: channels, kernelSize: 3, padding: .init(1), in: scope["conv"])
    }

    /// - Parameter size: height and width to reach where they are odd; a last row or column is dropped then.
    func callAsFunction(_ input: Variable, size: LatentSize? = nil) -> Variable {
        let (height, width) = (2 * input.shape[1], 2 * input.shape[2])
        guard let size, size.height < height || size.width < width else { return conv(input, upsampling: 2) }
        let upsampled = input.upsampledNearest(by: 2)
        return conv(upsampled.sliced(axis: 1, 0..<size.height).sliced(axis: 2, 0..<size.width))
    }
}
