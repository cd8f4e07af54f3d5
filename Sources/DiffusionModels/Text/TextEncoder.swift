import Autograd
import Foundation
import Tensor

/// Maps prompts to what a denoising network reads of them. ``CLIPTextEncoder`` is that of Stable Diffusion.
///
/// An encoder of one's own implements ``condition(for:windows:)``; the other requirements have defaults. See
/// the article "Extending SwiftBrush" of `Distillation`.
public protocol TextEncoder: Parameterized {
    /// The conditions of prompts: one per prompt, in their order. Gradients flow to `parameters` that are trainable.
    ///
    /// - Parameters:
    ///   - prompts: at least one.
    ///   - windows: the number of windows per prompt, for encoders that divide long prompts: see ``windowCount(for:)``.
    func condition(for prompts: [String], windows: Int) throws -> TextCondition

    /// The number of windows that the longest of the prompts needs. The default is 1.
    func windowCount(for prompts: [String]) -> Int

    /// The same encoder with its weights in memory, for callers that encode many times. The default returns `self`.
    func loaded() throws -> any TextEncoder

    /// Throws ``ModelError`` for settings that the encoder does not support. It is called before any work. The default does nothing.
    func check() throws

    /// The encoder's fingerprint, which distinguishes it from others: embeddings are accepted only from an encoder with the same one. The
    /// default contains the name of the type and a few values of each of `parameters`.
    func fingerprint() throws -> TextEncoderFingerprint

    /// The settings that determine the embeddings, as recorded in image files, where they differ from the defaults. The default is none.
    var record: [String: String] { get }

    /// A warning about the part of a prompt that is truncated; nil, the default, if nothing is.
    func truncationWarning(for prompt: String) -> String?

    /// The token ids of a prompt, by which a resumed training recognises the same tokenizer. The default is none.
    func tokens(of prompt: String) -> [Int]

    /// The weights that LoRA files change, by the files' names for them. The default is `parameters` as those of the text encoder.
    var adaptedParameters: [LowRankWeights.Part: ParameterSet] { get }

    /// Adds `weight` times a LoRA's changes of the text encoder to the weights. The default makes a copy of them.
    mutating func merge(_ changes: LowRankWeights, weight: Float) throws

    /// The encoder's part of a model folder; nil, the default, for encoders that cannot be stored.
    func stored() throws -> StoredTextEncoder?
}

extension TextEncoder {
    /// One window.
    public func windowCount(for prompts: [String]) -> Int { 1 }
    /// The encoder itself.
    public func loaded() throws -> any TextEncoder { self }
    /// Nothing.
    public func check() throws {}
    /// The name of the type and a few values of each weight.
    public func fingerprint() throws -> TextEncoderFingerprint {
        let numbers = parameters.all.isEmpty ? [0] : parameters.sample
        return TextEncoderFingerprint(
            description: "\(Self.self)", numbers: Tensor(numbers, shape: [numbers.count]))
    }
    /// None.
    public var record: [String: String] { [:] }
    /// None.
    public func truncationWarning(for prompt: String) -> String? { nil }
    /// None.
    public func tokens(of prompt: String) -> [Int] { [] }
    /// Those of the text encoder.
    public var adaptedParameters: [LowRankWeights.Part: ParameterSet] { [.textEncoder: parameters] }
    /// Changes a copy of the weights.
    public mutating func merge(_ changes: LowRankWeights, weight: Float) throws {
        let changed = copy(trainable: false)
        try changes.merge(into: [.textEncoder: changed.parameters], weight: weight)
        self = changed
    }
    /// Not supported.
    public func stored() throws -> StoredTextEncoder? { nil }

    /// The embeddings of prompts. A prompt that is repeated in the list is encoded once.
    ///
    /// - Parameters:
    ///   - prompts: at least one.
    ///   - windows: the number of windows per prompt; nil for as many as the longest needs.
    ///
    /// Throws ``ModelError`` if `prompts` is empty, and what ``condition(for:windows:)`` throws.
    public func embeddings(for prompts: [String], windows: Int? = nil) throws -> PromptEmbeddings {
        guard !prompts.isEmpty else {
            throw ModelError.invalidArgument(
                operation: "embeddings(for:)", argument: "prompts", expected: "at least one", found: "none")
        }
        var seen: Set<String> = []
        let unique = prompts.filter { seen.insert($0).inserted }
        let encoder = try loaded()
        let condition = try encoder.checkedCondition(
            for: unique, windows: windows ?? encoder.windowCount(for: unique))
        return try PromptEmbeddings(prompts: unique, condition: condition, fingerprint: encoder.fingerprint())
    }
}

/// What distinguishes a text encoder from others.
public struct TextEncoderFingerprint: Sendable {
    /// The sizes and settings, as a sentence.
    public let description: String
    /// A few values of every weight, `[count]`.
    public let numbers: Tensor
    /// The number of tokens per window and the width of their embeddings; nil if not known.
    public var shape: (tokens: Int, width: Int)?

    /// A fingerprint with these values.
    public init(description: String, numbers: Tensor, shape: (tokens: Int, width: Int)? = nil) {
        (self.description, self.numbers, self.shape) = (description, numbers, shape)
    }

    /// Whether the two agree up to the rounding of stored weights to 16 bits, at most 2⁻⁸ relative.
    func matches(_ other: TextEncoderFingerprint) -> Bool {
        guard description == other.description, numbers.shape == other.numbers.shape else { return false }
        return zip(numbers.scalars, other.numbers.scalars).allSatisfy { a, b in
            abs(a - b) <= max(abs(a), abs(b)) / 128 + 1e-6
        }
    }
}
