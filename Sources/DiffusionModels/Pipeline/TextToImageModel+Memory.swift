import Tensor

extension TextToImageModel {
    /// A lower bound on the bytes needed to generate images in one batch: a few feature maps at the highest resolution of the denoising
    /// network or of the decoder. It is a Double because sizes from user input may overflow an integer.
    func leastWorkingBytes(count: Int, size: LatentSize) -> Double {
        let positions = Double(count) * Double(size.height) * Double(size.width)
        let pixels =
            positions * Double(decoder.pixelsPerLatent * decoder.pixelsPerLatent)
        let denoising = positions * Double(network.channelsAtFullSize)
        let decoding = pixels * Double(decoder.channelsAtFullSize)
        return 3 * Double(MemoryLayout<Float>.stride) * max(denoising, decoding)
    }

    /// Throws ``ModelError/invalidArgument(operation:argument:expected:found:)`` if a batch of images of this size does not fit in
    /// the memory available to the process.
    func checkMemory(count: Int, size: LatentSize, operation: String) throws {
        let granted = MemoryLimit.current.available
        let needed = leastWorkingBytes(count: count, size: size)
        if needed <= Double(granted) { return }
        let factor = decoder.pixelsPerLatent
        throw ModelError.invalidArgument(
            operation: operation, argument: "size",
            expected: "images that fit in \(granted >> 20) MiB of memory",
            found:
                "\(count) of \(size.width * factor) × \(size.height * factor) pixels, which need at least \(Int(needed / 0x1p20)) MiB"
        )
    }
}
