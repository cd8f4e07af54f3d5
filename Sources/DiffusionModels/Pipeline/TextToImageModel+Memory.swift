import Tensor

extension TextToImageModel {
    /// The bytes that pictures certainly take while they are made at once: a few feature maps of the denoising network's and of the
    /// decoder's widest level. It is Float64 because sizes from outside may be beyond every integer.
    func leastWorkingBytes(count: Int, size: LatentSize) -> Double {
        let positions = Double(count) * Double(size.height) * Double(size.width)
        let pixels =
            positions * Double(decoder.pixelsPerLatent * decoder.pixelsPerLatent)
        let network = positions * Double(unet.configuration.blockChannels.first ?? 1)
        let decoding = pixels * Double(autoencoder?.configuration.blockChannels.first ?? 1)
        return 3 * Double(MemoryLayout<Float>.stride) * max(network, decoding)
    }

    /// Throws ``ModelError/invalidArgument(operation:argument:expected:found:)`` when so many pictures of a size cannot be held in the
    /// memory that the process is granted.
    func checkMemory(count: Int, size: LatentSize, operation: String) throws {
        let granted = GrantedMemory.current.available
        let needed = leastWorkingBytes(count: count, size: size)
        if needed <= Double(granted) { return }
        let factor = decoder.pixelsPerLatent
        throw ModelError.invalidArgument(
            operation: operation, argument: "size",
            expected: "pictures that \(granted >> 20) MiB of memory can hold",
            found:
                "\(count) of \(size.width * factor) × \(size.height * factor) pixels, which need at least \(Int(needed / 0x1p20)) MiB"
        )
    }
}
