import Foundation
import Tensor

/// Prompts and their text embeddings, which can be computed once, saved, and reused without the text encoder.
///
/// The file is safetensors: `embeddings`, `[prompts, tokens, width]` in Float32, Float16 or BFloat16, and `text_encoder`, a
/// sample of the encoder's weights. The header's metadata has `prompts`, a JSON list of strings, and `tokenizer`. The empty prompt
/// "", which guidance and distillation need, is stored like any other.
public struct PromptEmbeddings: Sendable {
    /// A fingerprint of the tokenizer and text encoder that computed the embeddings.
    struct Origin: Sendable {
        /// The tokenizer's sizes and special tokens, as a sentence.
        let tokenizer: String
        /// A few values of every weight of the text encoder.
        let numbers: Tensor

        /// Whether the two agree up to the rounding of stored weights to 16 bits, at most 2⁻⁸ relative.
        func matches(_ other: Origin) -> Bool {
            guard tokenizer == other.tokenizer, numbers.shape == other.numbers.shape else { return false }
            return zip(numbers.scalars, other.numbers.scalars).allSatisfy { a, b in
                abs(a - b) <= max(abs(a), abs(b)) / 128 + 1e-6
            }
        }
    }

    /// The prompts, without duplicates.
    public let prompts: [String]
    /// The embeddings, `[prompts, tokens, width]`. Read from a file, they are memory-mapped in the file's scalar type.
    public let values: Tensor
    let origin: Origin
    private let rows: [String: Int]

    init(prompts: [String], values: Tensor, origin: Origin) {
        (self.prompts, self.values, self.origin) = (prompts, values, origin)
        rows = Dictionary(prompts.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether all of these prompts are embedded.
    public func contains(_ prompts: [String]) -> Bool { prompts.allSatisfy { rows[$0] != nil } }

    /// The indices of prompts along the first axis of ``values``. Throws ``ModelError`` for a prompt that was not embedded.
    public func rows(of prompts: [String]) throws -> [Int] {
        try prompts.map { prompt in
            guard let row = rows[prompt] else {
                throw ModelError.invalidArgument(
                    operation: "PromptEmbeddings", argument: "prompt", expected: "one of the \(rows.count) embedded",
                    found: "\"\(prompt)\"")
            }
            return row
        }
    }

    /// The text condition of prompts, in Float32.
    ///
    /// Throws ``ModelError`` for a prompt that was not embedded, or whose embeddings are not finite.
    public func condition(for prompts: [String]) throws -> TextCondition {
        let result = values.gathered(rows: try rows(of: prompts))
        let broken = result.nonFiniteCount()
        guard broken == 0 else {
            throw ModelError.invalidArgument(
                operation: "PromptEmbeddings", argument: "embeddings", expected: "finite numbers",
                found: "\(broken) that are infinite or not a number")
        }
        return TextCondition(tokens: result)
    }

    /// Throws ``ModelError`` unless the model's tokenizer and text encoder computed these embeddings and the shapes agree.
    public func check(against model: TextToImageModel) throws {
        let width = try CLIPTextModel.Configuration(model.checkpoint.layout.fields(.textEncoder)).width
        let length = model.tokenizer.maximumLength
        guard values.shape[2] == width, values.shape[1] % length == 0 else {
            throw ModelError.invalidArgument(
                operation: "PromptEmbeddings", argument: "embeddings",
                expected: "\(length) tokens or a multiple of it, of width \(width), as the text encoder in "
                    + "\(model.checkpoint.url.path) has them", found: "\(values.shape[1]) of width \(values.shape[2])")
        }
        let expected = try model.promptOrigin()
        if origin.matches(expected) { return }
        let difference =
            origin.tokenizer == expected.tokenizer ? "those of another text encoder" : origin.tokenizer
        throw ModelError.invalidArgument(
            operation: "PromptEmbeddings", argument: "embeddings",
            expected: "those of the text encoder in \(model.checkpoint.url.path) (\(expected.tokenizer))",
            found: difference)
    }
}

extension PromptEmbeddings {
    private enum Key {
        static let embeddings = "embeddings"
        static let textEncoder = "text_encoder"
        static let prompts = "prompts"
        static let tokenizer = "tokenizer"
    }

    /// Writes the file atomically.
    ///
    /// - Parameters:
    ///   - url: the file to write.
    ///   - scalarType: Float32, Float16 or BFloat16.
    ///
    /// Throws what `Safetensors.write` throws.
    public func save(to url: URL, scalarType: ScalarType = .float32) throws {
        let list = String(decoding: try JSONEncoder().encode(prompts), as: UTF8.self)
        try Safetensors.write(
            [(name: Key.embeddings, tensor: values), (name: Key.textEncoder, tensor: origin.numbers)],
            scalarType: scalarType, metadata: [Key.prompts: list, Key.tokenizer: origin.tokenizer], to: url)
    }

    /// Opens a file. The embeddings are read when they are used.
    ///
    /// Throws `SafetensorsError`, and ``ModelError`` when the file does not contain prompt embeddings.
    public init(contentsOf url: URL) throws {
        let file = try SafetensorsFile(contentsOf: url)
        guard let list = file.metadata[Key.prompts], let tokenizer = file.metadata[Key.tokenizer],
            let prompts = try? JSONDecoder().decode([String].self, from: Data(list.utf8)), !prompts.isEmpty
        else {
            throw ModelError.unreadableFile(
                path: url.path, reason: "its metadata lack the prompts and the tokenizer of saved embeddings")
        }
        let values = try file.mappedTensor(Key.embeddings)
        guard values.rank == 3, values.shape[0] == prompts.count, values.count > 0 else {
            throw ModelError.unreadableFile(
                path: url.path,
                reason: "expected embeddings [\(prompts.count) prompts, tokens, width], found \(values.shape)")
        }
        let numbers = try file.tensor(Key.textEncoder)
        self.init(prompts: prompts, values: values, origin: Origin(tokenizer: tokenizer, numbers: numbers))
    }
}
