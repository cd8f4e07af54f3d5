import Foundation
import Tensor

/// Prompts and their text embeddings, which can be computed once, saved, and reused without the text encoder.
///
/// The file is safetensors: `embeddings`, `[prompts, tokens, width]` in Float32, Float16 or BFloat16, and `text_encoder`, a
/// sample of the encoder's weights; for encoders that have it also `pooled`, `[prompts, width]`. The header's metadata has `prompts`, a JSON list of strings, and `tokenizer`. The empty prompt
/// "", which guidance and distillation need, is stored like any other.
public struct PromptEmbeddings: Sendable {
    /// The prompts, without duplicates.
    public let prompts: [String]
    /// The embeddings, `[prompts, tokens, width]`. Read from a file, they are memory-mapped in the file's scalar type.
    public let values: Tensor
    /// The embeddings of whole prompts, `[prompts, width]`; nil for encoders without.
    public let pooled: Tensor?
    /// The fingerprint of the text encoder that computed the embeddings.
    let fingerprint: TextEncoderFingerprint
    private let rows: [String: Int]

    init(prompts: [String], condition: TextCondition, fingerprint: TextEncoderFingerprint) {
        (self.prompts, self.fingerprint) = (prompts, fingerprint)
        (values, pooled) = (condition.tokens.value, condition.pooled?.value)
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
        let result = condition.gathered(rows: try rows(of: prompts))
        let broken = result.tokens.value.nonFiniteCount() + (result.pooled?.value.nonFiniteCount() ?? 0)
        guard broken == 0 else {
            throw ModelError.invalidArgument(
                operation: "PromptEmbeddings", argument: "embeddings", expected: "finite numbers",
                found: "\(broken) that are infinite or not a number")
        }
        return result
    }

    /// The conditions of all prompts, as they are stored.
    public var condition: TextCondition { TextCondition(tokens: values, pooled: pooled) }

    /// Throws ``ModelError`` unless the model's text encoder computed these embeddings and the shapes agree.
    public func check(against model: TextToImageModel) throws {
        let expected = try model.textEncoder.fingerprint()
        if let shape = expected.shape, values.shape[2] != shape.width || values.shape[1] % shape.tokens != 0 {
            throw ModelError.invalidArgument(
                operation: "PromptEmbeddings", argument: "embeddings",
                expected: "\(shape.tokens) tokens or a multiple of it, of width \(shape.width), as the text encoder in "
                    + "\(model.name) has them", found: "\(values.shape[1]) of width \(values.shape[2])")
        }
        if fingerprint.matches(expected) { return }
        let isOther = fingerprint.description == expected.description
        throw ModelError.invalidArgument(
            operation: "PromptEmbeddings", argument: "embeddings",
            expected: "those of the text encoder in \(model.name) (\(expected.description))",
            found: isOther ? "those of another text encoder" : fingerprint.description)
    }
}

extension PromptEmbeddings {
    private enum Key {
        static let embeddings = "embeddings"
        static let pooled = "pooled"
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
        var tensors = [(name: Key.embeddings, tensor: values), (name: Key.textEncoder, tensor: fingerprint.numbers)]
        if let pooled { tensors.append((name: Key.pooled, tensor: pooled)) }
        try Safetensors.write(
            tensors, scalarType: scalarType,
            metadata: [Key.prompts: list, Key.tokenizer: fingerprint.description], to: url)
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
        let pooled = file.names.contains(Key.pooled) ? try file.mappedTensor(Key.pooled) : nil
        if let pooled, pooled.rank != 2 || pooled.shape[0] != prompts.count || pooled.count == 0 {
            throw ModelError.unreadableFile(
                path: url.path, reason: "expected pooled [\(prompts.count) prompts, width], found \(pooled.shape)")
        }
        let numbers = try file.tensor(Key.textEncoder)
        self.init(
            prompts: prompts, condition: TextCondition(tokens: values, pooled: pooled),
            fingerprint: TextEncoderFingerprint(description: tokenizer, numbers: numbers))
    }
}
