import Foundation
import Tensor

/// Latents in safetensors files in PyTorch's layout: one tensor `latents`, `[pictures, channels, height, width]`.
public enum LatentsFile {
    private static let name = "latents"

    /// Reads latents as `[pictures, height, width, channels]`.
    ///
    /// Throws `SafetensorsError`, and ``ModelError`` if the tensor does not have four axes, is empty, or has values that are not finite.
    public static func read(_ url: URL) throws -> Tensor {
        let latents = try SafetensorsFile(contentsOf: url).tensor(name)
        guard latents.rank == 4, latents.count > 0 else {
            throw ModelError.unreadableFile(
                path: url.path,
                reason: "expected latents [pictures, channels, height, width], found \(latents.shape)")
        }
        let broken = latents.nonFiniteCount()
        guard broken == 0 else {
            throw ModelError.unreadableFile(
                path: url.path,
                reason: "expected finite latents, found \(broken) numbers that are infinite or not a number")
        }
        return latents.channelsLast()
    }

    /// Writes latents `[pictures, height, width, channels]`. Throws the errors of `Safetensors.write`.
    public static func write(_ latents: Tensor, to url: URL) throws {
        try Safetensors.write([(name: name, tensor: latents.channelsFirst())], to: url)
    }
}
