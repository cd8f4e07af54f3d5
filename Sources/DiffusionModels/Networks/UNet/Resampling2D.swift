import Autograd
import Tensor

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
