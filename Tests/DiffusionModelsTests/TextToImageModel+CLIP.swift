import DiffusionModels
import Testing

extension TextToImageModel {
    /// The model's CLIP text encoder.
    func clip() throws -> CLIPTextEncoder { try #require(textEncoder as? CLIPTextEncoder) }
}
