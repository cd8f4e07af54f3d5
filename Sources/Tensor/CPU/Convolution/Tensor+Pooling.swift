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

    /// The gradient of ``maxPooled(size:stride:padding:)`` with respect to this input; of equal values the first gets it.
    package func maxPoolingGradient(
        size: Int, stride: Int, padding: Int, output: Tensor, outputGradient: Tensor
    ) -> Tensor {
        let result = Tensor(repeating: 0, shape: shape)
        let (height, width, channels) = (shape[1], shape[2], shape[3])
        let (rows, columns) = (output.shape[1], output.shape[2])
        let (x, y, dy) = (Shared(self), Shared(output), Shared(outputGradient))
        let dx = SharedMutable(result.storage.base)
        // Windows overlap, so that an image is the smallest part with pixels of its own.
        parallelFor(shape[0], grain: 1) { images in
            for image in images {
                for window in 0..<rows * columns {
                    let (top, left) = (window / columns * stride - padding, window % columns * stride - padding)
                    let pixels = (max(top, 0)..<min(top + size, height)).flatMap { row in
                        (max(left, 0)..<min(left + size, width)).map { (image * height + row) * width + $0 }
                    }
                    let place = (image * rows * columns + window) * channels
                    for channel in 0..<channels {
                        let largest = (y + place)[channel]
                        let pixel = pixels.first { (x + $0 * channels)[channel] == largest }
                        if let pixel { (dx + pixel * channels)[channel] += (dy + place)[channel] }
                    }
                }
            }
        }
        return result
    }
}
