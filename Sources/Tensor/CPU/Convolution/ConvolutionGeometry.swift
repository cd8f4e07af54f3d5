import CTensorKernels

/// Rows and columns of zeros around a feature map before a convolution.
public struct ConvolutionPadding: Sendable, Hashable {
    /// Rows above.
    public var top: Int
    /// Columns to the left.
    public var left: Int
    /// Rows below.
    public var bottom: Int
    /// Columns to the right.
    public var right: Int

    /// Padding that may differ by side.
    public init(top: Int, left: Int, bottom: Int, right: Int) {
        (self.top, self.left, self.bottom, self.right) = (top, left, bottom, right)
    }

    /// The same padding on every side.
    public init(_ all: Int) {
        self.init(top: all, left: all, bottom: all, right: all)
    }
}

/// The extents of one convolution: maps `[batch, height, width, channels]`, kernel `[outputs, inputs, height, width]`.
package struct ConvolutionGeometry: Sendable {
    package let batch, inputHeight, inputWidth, inputs: Int
    package let outputHeight, outputWidth, outputs: Int
    package let kernelHeight, kernelWidth, stride: Int
    package let padding: ConvolutionPadding
    /// The nearest-neighbour upsampling factor: how often each input pixel is repeated, in both directions, before the convolution.
    package let upsampling: Int

    package init(input: [Int], kernel: [Int], stride: Int, padding: ConvolutionPadding, upsampling: Int) {
        require(
            input.count == 4 && kernel.count == 4 && input[3] == kernel[1] && stride >= 1 && upsampling >= 1,
            "conv2d: input \(input), kernel \(kernel), stride \(stride) and upsampling \(upsampling) do not fit")
        (batch, inputHeight, inputWidth, inputs) = (input[0], input[1], input[2], input[3])
        (outputs, kernelHeight, kernelWidth) = (kernel[0], kernel[2], kernel[3])
        (self.stride, self.padding, self.upsampling) = (stride, padding, upsampling)
        let freeRows = inputHeight * upsampling + padding.top + padding.bottom - kernelHeight
        let freeColumns = inputWidth * upsampling + padding.left + padding.right - kernelWidth
        require(
            freeRows >= 0 && freeColumns >= 0, "conv2d: the kernel \(kernel) is larger than the padded input \(input)")
        outputHeight = freeRows / stride + 1
        outputWidth = freeColumns / stride + 1
    }

    package var taps: Int { kernelHeight * kernelWidth }
    package var outputShape: [Int] { [batch, outputHeight, outputWidth, outputs] }
    /// The number of output pixels of the whole batch.
    package var outputPixels: Int { batch * outputHeight * outputWidth }
    package var inputShape: [Int] { [batch, inputHeight, inputWidth, inputs] }
    /// The input's shape after upsampling.
    package var upsampledShape: [Int] { [batch, inputHeight * upsampling, inputWidth * upsampling, inputs] }

    /// Whether each output pixel reads only the input pixel of the same index.
    package var isPointwise: Bool {
        taps == 1 && stride == 1 && upsampling == 1 && padding == ConvolutionPadding(0)
    }

    /// Reads input patches for output pixels.
    var forwardPatches: tensor_patch_geometry {
        tensor_patch_geometry(
            source_height: inputHeight, source_width: inputWidth, channels: inputs, target_height: outputHeight,
            target_width: outputWidth, kernel_height: kernelHeight, kernel_width: kernelWidth, stride: stride,
            padding_top: padding.top, padding_left: padding.left, upsampling: upsampling, transposed: false)
    }

    /// Reads output-gradient patches for (upsampled) input pixels.
    var backwardPatches: tensor_patch_geometry {
        tensor_patch_geometry(
            source_height: outputHeight, source_width: outputWidth, channels: outputs,
            target_height: inputHeight * upsampling, target_width: inputWidth * upsampling,
            kernel_height: kernelHeight, kernel_width: kernelWidth, stride: stride, padding_top: padding.top,
            padding_left: padding.left, upsampling: 1, transposed: true)
    }
}
