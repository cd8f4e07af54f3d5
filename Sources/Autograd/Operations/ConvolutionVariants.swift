import Tensor

extension Variable {
    /// One-dimensional cross-correlation, `[batch, length, inputs]` → `[batch, length′, outputs]`.
    ///
    /// - Parameters:
    ///   - kernel: in PyTorch's layout, `[outputs, inputs, kernel length]`.
    ///   - bias: `[outputs]`.
    ///   - stride: the stride.
    ///   - padding: zeros on both sides.
    public func conv1d(kernel: Variable, bias: Variable?, stride: Int = 1, padding: Int = 0) -> Variable {
        require(
            shape.count == 3 && kernel.shape.count == 3,
            "conv1d: expected [batch, length, inputs] and [outputs, inputs, kernel length], found \(shape) and \(kernel.shape)"
        )
        let (map, wide) = (
            reshaped(to: [shape[0], 1, shape[1], shape[2]]),
            kernel.reshaped(to: [kernel.shape[0], kernel.shape[1], 1, kernel.shape[2]])
        )
        let result = map.conv2d(
            kernel: wide, bias: bias, stride: stride,
            padding: ConvolutionPadding(top: 0, left: padding, bottom: 0, right: padding))
        return result.reshaped(to: [shape[0], result.shape[2], result.shape[3]])
    }

    /// A convolution of `groups` parts of the channels, each with kernels of its own: PyTorch's `conv2d(groups:)`.
    ///
    /// - Parameters:
    ///   - kernel: in PyTorch's layout, `[outputs, inputs / groups, kernel height, kernel width]`.
    ///   - bias: `[outputs]`.
    ///   - stride: the stride in both directions.
    ///   - padding: the zero padding.
    ///   - groups: a divisor of inputs and outputs.
    public func groupedConv2d(
        kernel: Variable, bias: Variable?, stride: Int = 1, padding: ConvolutionPadding = ConvolutionPadding(0),
        groups: Int
    ) -> Variable {
        require(
            shape.count == 4 && groups >= 1 && kernel.shape[0] % groups == 0 && kernel.shape[1] * groups == shape[3],
            "groupedConv2d: \(groups) groups do not fit a map \(shape) and a kernel \(kernel.shape)")
        func parts(_ variable: Variable, axis: Int) -> [Variable] {
            variable.split(Array(repeating: variable.shape[axis] / groups, count: groups), axis: axis)
        }
        let outputs = zip(parts(self, axis: 3), parts(kernel, axis: 0)).map {
            $0.conv2d(kernel: $1, bias: nil, stride: stride, padding: padding)
        }
        let result = Variable.concatenate(outputs, axis: 3)
        return bias.map { result + $0 } ?? result
    }

    /// A transposed convolution, `[batch, height, width, inputs]` → `[batch, height′, width′, outputs]`, with
    /// height′ = (height − 1) · stride − 2 · padding + kernel height + outputPadding: PyTorch's `conv_transpose2d`.
    ///
    /// - Parameters:
    ///   - kernel: in PyTorch's layout, `[inputs, outputs, kernel height, kernel width]`.
    ///   - bias: `[outputs]`.
    ///   - stride: the stride in both directions.
    ///   - padding: how much the result is cut on each side, below the kernel's size.
    ///   - outputPadding: rows and columns added at the bottom and on the right, below the stride.
    public func transposedConv2d(
        kernel: Variable, bias: Variable?, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0
    ) -> Variable {
        let (height, width) = (kernel.shape[2], kernel.shape[3])
        require(
            shape.count == 4 && kernel.shape[0] == shape[3] && stride >= 1 && padding >= 0
                && padding < min(height, width) && outputPadding >= 0 && outputPadding < max(stride, 2),
            "transposedConv2d: a kernel \(kernel.shape), stride \(stride), padding \(padding) and output padding "
                + "\(outputPadding) do not fit a map \(shape)")
        // Its definition: a convolution of the map with zeros between the pixels, by the kernel turned by 180°.
        let (top, left) = (height - 1 - padding, width - 1 - padding)
        return spread(by: stride).conv2d(
            kernel: kernel.turned(), bias: bias,
            padding: ConvolutionPadding(top: top, left: left, bottom: top + outputPadding, right: left + outputPadding))
    }

    /// `stride − 1` zeros between neighbouring pixels.
    private func spread(by stride: Int) -> Variable {
        guard stride > 1 else { return self }
        let (batch, height, width, channels) = (shape[0], shape[1], shape[2], shape[3])
        return reshaped(to: [batch, height, 1, width, 1, channels])
            .padded(axis: 2, before: 0, after: stride - 1).padded(axis: 4, before: 0, after: stride - 1)
            .reshaped(to: [batch, height * stride, width * stride, channels])
            .sliced(axis: 1, 0..<(height - 1) * stride + 1).sliced(axis: 2, 0..<(width - 1) * stride + 1)
    }

    /// `[inputs, outputs, height, width]` → `[outputs, inputs, height, width]`, turned by 180°.
    private func turned() -> Variable {
        let (inputs, outputs, height, width) = (shape[0], shape[1], shape[2], shape[3])
        return transposed([2, 3, 1, 0]).reshaped(to: [height * width, outputs, inputs])
            .gathered(rows: (0..<height * width).reversed())
            .reshaped(to: [height, width, outputs, inputs]).transposed([2, 3, 0, 1])
    }
}
