import Foundation
import Tensor

extension TextToImageModel {
    /// Writes a folder that this library and diffusers load. See ``TextToImageParts/save(to:scalarType:)``.
    ///
    /// - Parameters:
    ///   - url: the folder, created if it does not exist.
    ///   - scalarType: the type in which weights are stored: Float32, Float16 or BFloat16.
    ///
    /// Throws ``ModelError`` for a model without an autoencoder, and for added tokens (``add(_:)``), which such a folder cannot
    /// store; and the errors of the file system and of `Safetensors.write`.
    public func save(to url: URL, scalarType: ScalarType = .float32) throws {
        guard let tokenizerFolder = checkpoint.tokenizerFolder else {
            preconditionFailure("TextToImageModel: loaded without a tokenizer folder")
        }
        guard let autoencoder else { throw ModelError.missingAutoencoder(path: checkpoint.url.path) }
        if let inversion = inversions.first {
            throw ModelError.invalidArgument(
                operation: "TextToImageModel.save", argument: "inversions",
                expected: "none, because a model folder cannot store them",
                found: "\"\(inversion.token)\"")
        }
        let parts = TextToImageParts(
            unet: unet, autoencoder: autoencoder, textEncoder: try promptEncoder().textEncoder,
            tokenizerFolder: tokenizerFolder, schedule: schedule, oneStep: oneStep)
        try parts.save(to: url, scalarType: scalarType)
    }
}
