extension Tensor {
    /// Two-dimensional cross-correlation of each channel with a kernel of its own, `[batch, height, width, channels]` → `[batch,
    /// height′, width′, channels]`: PyTorch's convolution with as many groups as channels.
    ///
    /// - Parameters:
    ///   - kernel: in PyTorch's layout, `[channels, 1, kernel height, kernel width]`.
    ///   - bias: `[channels]`.
    ///   - stride: the step in both directions.
    ///   - padding: zeros around the map.
    public func depthwiseConv2d(
        kernel: Tensor, bias: Tensor?, stride: Int = 1, padding: ConvolutionPadding = ConvolutionPadding(0)
    ) -> Tensor {
        let channels = shape.last ?? 0
        require(
            rank == 4 && kernel.rank == 4 && kernel.shape[0] == channels && kernel.shape[1] == 1
                && (bias.map { $0.shape == [channels] } ?? true),
            "depthwiseConv2d: input \(shape), kernel \(kernel.shape) and bias \(bias?.shape ?? []) do not fit")
        let window = SlidingWindow(
            map: shape, height: kernel.shape[2], width: kernel.shape[3], stride: stride, padding: padding)
        // [taps, channels], so that the inner loop is contiguous in all three arrays.
        let taps = kernel.reshaped(to: [channels, window.taps]).transposed([1, 0])
        let start = bias ?? .zeros([channels])
        let (weights, offsets) = (Shared(taps), Shared(start))
        return window.map(self) { target, reads in
            target.update(from: offsets + 0, count: channels)
            for (tap, source) in reads {
                let weight = weights + tap * channels
                for channel in 0..<channels { target[channel] += weight[channel] * source[channel] }
            }
        }
    }
}
