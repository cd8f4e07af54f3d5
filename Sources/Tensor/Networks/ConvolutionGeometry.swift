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

/// The extents of one convolution: maps `[batch, height, width, channels]`, kernel `[height, width, inputs, outputs]`.
package struct ConvolutionGeometry: Sendable {
    package let batch, inputHeight, inputWidth, inputs: Int
    package let outputHeight, outputWidth, outputs: Int
    package let kernelHeight, kernelWidth, stride: Int
    package let padding: ConvolutionPadding

    package init(input: [Int], kernel: [Int], stride: Int, padding: ConvolutionPadding) {
        precondition(
            input.count == 4 && kernel.count == 4 && input[3] == kernel[2] && stride >= 1,
            "conv2d: input \(input), kernel \(kernel) and stride \(stride) do not fit")
        (batch, inputHeight, inputWidth, inputs) = (input[0], input[1], input[2], input[3])
        (kernelHeight, kernelWidth, outputs) = (kernel[0], kernel[1], kernel[3])
        (self.stride, self.padding) = (stride, padding)
        let freeRows = inputHeight + padding.top + padding.bottom - kernelHeight
        let freeColumns = inputWidth + padding.left + padding.right - kernelWidth
        precondition(
            freeRows >= 0 && freeColumns >= 0, "conv2d: the kernel \(kernel) is larger than the padded input \(input)")
        outputHeight = freeRows / stride + 1
        outputWidth = freeColumns / stride + 1
    }

    package var taps: Int { kernelHeight * kernelWidth }
    package var outputShape: [Int] { [batch, outputHeight, outputWidth, outputs] }
    package var inputShape: [Int] { [batch, inputHeight, inputWidth, inputs] }

    /// Whether each output pixel reads just the input pixel of the same index.
    package var isPointwise: Bool {
        taps == 1 && stride == 1 && padding == ConvolutionPadding(0)
    }

    /// Reads input patches for output pixels.
    package var forwardPatches: tensor_patch_geometry {
        tensor_patch_geometry(
            source_height: inputHeight, source_width: inputWidth, channels: inputs, target_height: outputHeight,
            target_width: outputWidth, kernel_height: kernelHeight, kernel_width: kernelWidth, stride: stride,
            padding_top: padding.top, padding_left: padding.left, transposed: false)
    }

    /// Reads output-gradient patches for input pixels.
    package var backwardPatches: tensor_patch_geometry {
        tensor_patch_geometry(
            source_height: outputHeight, source_width: outputWidth, channels: outputs, target_height: inputHeight,
            target_width: inputWidth, kernel_height: kernelHeight, kernel_width: kernelWidth, stride: stride,
            padding_top: padding.top, padding_left: padding.left, transposed: true)
    }
}
