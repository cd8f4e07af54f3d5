import Foundation
import Tensor

extension TextToImageModel {
    /// Writes a folder that this library and diffusers load. See ``TextToImageParts/save(to:scalarType:)``.
    ///
    /// - Parameters:
    ///   - url: the folder, made if it is missing.
    ///   - scalarType: how weights are stored: Float32, Float16 or BFloat16.
    ///
    /// Throws what the file system and `Safetensors.write` throw.
    public func save(to url: URL, scalarType: ScalarType = .float32) throws {
        guard let tokenizerFolder = checkpoint.tokenizerFolder else {
            preconditionFailure("TextToImageModel: loaded without a tokenizer's folder")
        }
        let parts = TextToImageParts(
            unet: unet, autoencoder: autoencoder, textEncoder: try promptEncoder().textEncoder,
            tokenizerFolder: tokenizerFolder, schedule: schedule, oneStep: oneStep)
        try parts.save(to: url, scalarType: scalarType)
    }
}
