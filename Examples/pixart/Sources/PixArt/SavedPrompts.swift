import Autograd
import DiffusionModels
import Foundation
import Tensor

/// A text encoder that knows only prompts whose embeddings were computed elsewhere, such as T5's: a safetensors file with a tensor
/// `[tokens, width]` for each prompt, under the prompt as its name; the empty name is the empty prompt. Rows of zeros are padding.
public struct SavedPrompts: TextEncoder {
    private let embeddings: [String: Tensor]

    /// The embeddings of a file. Throws `SafetensorsError`, and ``PixArtError`` for embeddings of different shapes.
    public init(contentsOf url: URL) throws {
        let file = try SafetensorsFile(contentsOf: url)
        embeddings = try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0)) })
        let shapes = Set(embeddings.values.map(\.shape))
        guard shapes.count == 1, shapes.first?.count == 2 else {
            throw PixArtError(
                description: "\(url.path): expected tensors of one shape [tokens, width], found \(shapes)")
        }
    }

    /// The saved embeddings. Throws ``PixArtError`` for a prompt without.
    public func condition(for prompts: [String], windows: Int) throws -> TextCondition {
        let rows = try prompts.map { prompt in
            guard let row = embeddings[prompt] else {
                throw PixArtError(description: "expected a prompt whose embedding was saved, found \"\(prompt)\"")
            }
            return row.reshaped(to: [1] + row.shape)
        }
        return TextCondition(tokens: Variable(.concatenate(rows, axis: 0)))
    }
}

/// A file that does not fit.
public struct PixArtError: Error, CustomStringConvertible {
    /// One sentence.
    public let description: String
}

extension PixArtTransformer {
    /// Reads the folder `transformer` of a published model: `config.json` and `diffusion_pytorch_model.safetensors`. Throws ``PixArtError``, what reading the
    /// files throws, and `ParameterLoadingError` for weights that do not fit the configuration.
    public init(contentsOf folder: URL) throws {
        let data = try Data(contentsOf: folder.appending(path: "config.json"))
        let configuration: PixArtConfiguration
        do {
            configuration = try JSONDecoder().decode(PixArtConfiguration.self, from: data)
        } catch {
            throw PixArtError(
                description: "\(folder.path)/config.json: expected the fields of PixArtTransformer2DModel: \(error)")
        }
        try configuration.check()
        self.init(configuration, in: ParameterSet().scope)
        try parameters.load(SafetensorsFile(contentsOf: folder.appending(path: "diffusion_pytorch_model.safetensors")))
        parameters.freeze()
    }
}
