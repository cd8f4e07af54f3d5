import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor

extension RunDirectory {
    /// Where a trained teacher is saved.
    public var teacher: URL { url.appending(path: "teacher") }
    /// Where a tokenizer that was learned from the captions is.
    public var tokenizer: URL { url.appending(path: "tokenizer") }
    /// The run in which the autoencoder was trained.
    public var autoencoder: URL { url.appending(path: "autoencoder") }

    /// Saves the averaged networks as the run's ``teacher``, opens it, and saves a sheet of what it draws.
    ///
    /// Throws what the file system throws, and `ModelError`.
    public func saveSheet(of teacher: TextToImageParts, step: Int, pictures: SheetPictures) throws {
        try teacher.save(to: self.teacher, scalarType: .float16)
        let sheet = try pictures.sheet(of: TextToImageModel(contentsOf: self.teacher))
        let names = pictures.pictures.captions.map(\.text).joined(separator: "\n")
        try PNG.write(sheet, text: ["prompts": names, "step": "\(step)"], to: self.sheet(step: step))
    }
}

extension RunDirectory {
    /// Saves a sheet of pictures above and what an autoencoder makes of their latents' means below. Throws ``TrainingError``,
    /// and what the file system throws.
    public func saveSheet(of autoencoder: AutoencoderKL, step: Int, pictures: SheetPictures) throws {
        let latents =
            try autoencoder.latents(of: pictures.pictures) * Float(1 / autoencoder.configuration.scalingFactor)
        let decoded = autoencoder.decode(Variable(latents)).value
        let below = (0..<pictures.pictures.count).map { index in
            Picture(decoded.gathered(rows: [index]).reshaped(to: Array(decoded.shape.dropFirst())))
        }
        try PNG.write(pictures.beside(below), text: ["step": "\(step)"], to: sheet(step: step))
    }
}
