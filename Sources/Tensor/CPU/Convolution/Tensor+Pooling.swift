extension Tensor {
    /// The largest value of each window, `[batch, height, width, channels]` → `[batch, height′, width′, channels]`; pixels outside the
    /// map are ignored.
    public func maxPooled(size: Int, stride: Int, padding: Int = 0) -> Tensor {
        let window = SlidingWindow(
            map: shape, height: size, width: size, stride: stride, padding: ConvolutionPadding(padding))
        let channels = shape[3]
        return window.map(self) { target, reads in
            target.update(repeating: -.infinity, count: channels)
            for (_, source) in reads {
                for channel in 0..<channels { target[channel] = max(target[channel], source[channel]) }
            }
        }
    }

    /// The mean of each window, `[batch, height, width, channels]` → `[batch, height′, width′, channels]`; pixels outside the map are
    /// ignored: PyTorch's `count_include_pad=False`.
    public func averagePooled(size: Int, stride: Int, padding: Int) -> Tensor {
        let window = SlidingWindow(
            map: shape, height: size, width: size, stride: stride, padding: ConvolutionPadding(padding))
        let channels = shape[3]
        return window.map(self) { target, reads in
            target.update(repeating: 0, count: channels)
            for (_, source) in reads {
                for channel in 0..<channels { target[channel] += source[channel] }
            }
            let share = 1 / Float(reads.count)
            for channel in 0..<channels { target[channel] *= share }
        }
    }
}
