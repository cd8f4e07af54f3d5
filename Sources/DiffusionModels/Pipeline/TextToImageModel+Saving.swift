import Foundation
import Tensor

extension TextToImageModel {
    /// Writes a folder that this library and diffusers load. See ``TextToImageParts/save(to:scalarType:)``.
    ///
    /// - Parameters:
    ///   - url: the folder, made if it is missing.
    ///   - scalarType: how weights are stored: Float32, Float16 or BFloat16.
    ///
    /// Throws ``ModelError`` for a model without an autoencoder and when tokens were added (``add(_:)``), which such a folder has no place
    /// for, and what the file system and `Safetensors.write` throw.
    public func save(to url: URL, scalarType: ScalarType = .float32) throws {
        guard let tokenizerFolder = checkpoint.tokenizerFolder else {
            preconditionFailure("TextToImageModel: loaded without a tokenizer's folder")
        }
        guard let autoencoder else { throw ModelError.missingAutoencoder(path: checkpoint.url.path) }
        if let inversion = inversions.first {
            throw ModelError.invalidArgument(
                operation: "TextToImageModel.save", argument: "inversions",
                expected: "none, since a folder has no place for them",
                found: "\"\(inversion.token)\"")
        }
        let parts = TextToImageParts(
            unet: unet, autoencoder: autoencoder, textEncoder: try promptEncoder().textEncoder,
            tokenizerFolder: tokenizerFolder, schedule: schedule, oneStep: oneStep)
        try parts.save(to: url, scalarType: scalarType)
    }
}
