import Foundation
import Tensor

extension TextToImageModel {
    /// A lower bound on the bytes needed to generate images in one batch: a few feature maps at the highest resolution of the denoising
    /// network or of the decoder. It is a Double because sizes from user input may overflow an integer.
    func leastWorkingBytes(count: Int, size: LatentSize) -> Double {
        let positions = Double(size.height) * Double(size.width)
        let pixels = positions * Double(decoder.pixelsPerLatent * decoder.pixelsPerLatent)
        let denoising = Double(count) * positions * Double(network.channelsAtFullSize)
        let decodedAtATime = min(Double(count) * pixels, max(pixels, Double(Self.pixelsDecodedAtATime) - pixels))
        let decoding = decodedAtATime * Double(decoder.channelsAtFullSize)
        return 3 * Double(MemoryLayout<Float>.stride) * max(denoising, decoding)
    }

    /// Throws ``ModelError/invalidArgument(operation:argument:expected:found:)`` for a batch without images or pixels, and if a batch of images of this size does not fit in
    /// the memory available to the process.
    func checkMemory(count: Int, size: LatentSize, operation: String) throws {
        for (name, extent) in [("count", count), ("height", size.height), ("width", size.width)] where extent < 1 {
            throw ModelError.invalidArgument(
                operation: operation, argument: name, expected: "at least 1", found: "\(extent)")
        }
        let granted = MemoryLimit.current.available
        let needed = leastWorkingBytes(count: count, size: size)
        if needed <= Double(granted) { return }
        // Products of sizes from user input may overflow an integer here too.
        func pixels(_ extent: Int) -> String {
            String(format: "%.0f", Double(extent) * Double(decoder.pixelsPerLatent))
        }
        throw ModelError.invalidArgument(
            operation: operation, argument: "size",
            expected: "images that fit in \(granted >> 20) MiB of memory",
            found:
                "\(count) of \(pixels(size.width)) × \(pixels(size.height)) pixels, which need at least "
                + String(format: "%.0f MiB", needed / 0x1p20)
        )
    }
}
