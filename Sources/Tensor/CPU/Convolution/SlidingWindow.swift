/// A window that slides over a feature map and treats each channel separately.
struct SlidingWindow {
    private let map: [Int]
    private let height, width, stride: Int
    private let padding: ConvolutionPadding
    private let outputHeight, outputWidth: Int

    var taps: Int { height * width }

    init(map: [Int], height: Int, width: Int, stride: Int, padding: ConvolutionPadding) {
        require(
            map.count == 4 && stride >= 1 && map[1] + padding.top + padding.bottom >= height
                && map[2] + padding.left + padding.right >= width && padding.top < height && padding.left < width
                && padding.bottom < height && padding.right < width,
            "a window of \(height) × \(width) with stride \(stride) and padding \(padding) does not fit a map \(map)")
        (self.map, self.height, self.width, self.stride, self.padding) = (map, height, width, stride, padding)
        outputHeight = (map[1] + padding.top + padding.bottom - height) / stride + 1
        outputWidth = (map[2] + padding.left + padding.right - width) / stride + 1
    }

    /// The output map. `body` writes each output pixel from the input pixels inside the window, given with their tap indices.
    func map(
        _ input: Tensor,
        _ body: @Sendable (UnsafeMutablePointer<Float>, [(tap: Int, source: UnsafePointer<Float>)]) -> Void
    ) -> Tensor {
        let channels = map[3]
        let result = Tensor(uninitialized: [map[0], outputHeight, outputWidth, channels])
        let (x, y) = (Shared(input), SharedMutable(result.storage.base))
        parallelFor(map[0] * outputHeight, grain: 1) { lines in
            var reads: [(tap: Int, source: UnsafePointer<Float>)] = []
            for line in lines {
                let (image, top) = (line / outputHeight, line % outputHeight * stride - padding.top)
                for column in 0..<outputWidth {
                    let left = column * stride - padding.left
                    reads.removeAll(keepingCapacity: true)
                    for row in max(top, 0)..<min(top + height, map[1]) {
                        for place in max(left, 0)..<min(left + width, map[2]) {
                            let source = x + ((image * map[1] + row) * map[2] + place) * channels
                            reads.append(((row - top) * width + place - left, source))
                        }
                    }
                    body(y + (line * outputWidth + column) * channels, reads)
                }
            }
        }
        return result
    }
}
