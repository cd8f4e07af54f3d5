import Autograd
import Tensor

/// The two text encoders of Stable Diffusion XL: CLIP and OpenCLIP, each with its tokenizer.
///
/// A prompt's embeddings are the states of both before their last layer, side by side; the pooled embedding is that of the second. The
/// weights are loaded while prompts are encoded, as with ``CLIPTextEncoder``, and are not trained: `parameters` is empty.
public struct CLIPTextEncoderPair: TextEncoder {
    /// CLIP.
    public private(set) var first: CLIPTextEncoder
    /// OpenCLIP, with a projection.
    public private(set) var second: CLIPTextEncoder
    /// Whether the embeddings of the empty prompt are zeros, as with diffusers' `force_zeros_for_empty_prompt` without a negative prompt. The
    /// prompt of one space has the embeddings that the encoders compute for an empty prompt.
    public var zeroesEmptyPrompt: Bool
    /// Options of both encoders.
    public var encoding: PromptEncoding {
        get { first.encoding }
        set { (first.encoding, second.encoding) = (newValue, newValue) }
    }

    /// The encoders of a model's files. Only the tokenizers and the configurations are read.
    ///
    /// Throws ``ModelError`` if they are missing, malformed or contradict each other.
    public init(_ files: ModelFiles) throws {
        first = try CLIPTextEncoder(files, part: .textEncoder)
        second = try CLIPTextEncoder(files, part: .textEncoder2)
        zeroesEmptyPrompt = files.layout.zeroesEmptyPrompt
        try check()
    }

    /// Throws ``ModelError`` as both encoders do, and for tokenizers with prompts of different lengths.
    public func check() throws {
        try first.check()
        try second.check()
        let lengths = [first, second].map(\.tokenizer.maximumLength)
        guard lengths[0] == lengths[1] else {
            throw ModelError.invalidArgument(
                operation: "CLIPTextEncoderPair", argument: "tokenizer.maximumLength",
                expected: "the same in both, \(lengths[0])", found: "\(lengths[1])")
        }
    }

    /// The embeddings of prompts. Throws as ``CLIPTextEncoder/condition(for:windows:)`` does.
    public func condition(for prompts: [String], windows: Int) throws -> TextCondition {
        let parts = [
            try first.condition(for: prompts, windows: windows), try second.condition(for: prompts, windows: windows),
        ]
        let both = TextCondition(tokens: .concatenate(parts.map(\.tokens), axis: 2), pooled: parts[1].pooled)
        guard zeroesEmptyPrompt, prompts.contains("") else { return both }
        let kept = prompts.map { $0.isEmpty ? Float(0) : 1 }
        return TextCondition(
            tokens: both.tokens * Variable(Tensor(kept, shape: [kept.count, 1, 1])),
            pooled: both.pooled.map { $0 * Variable(Tensor(kept, shape: [kept.count, 1])) })
    }

    /// The number of windows that the longest of the prompts needs, at most the encoding's limit.
    public func windowCount(for prompts: [String]) -> Int {
        max(first.windowCount(for: prompts), second.windowCount(for: prompts))
    }

    /// The encoders with their text models in memory.
    public func loaded() throws -> any TextEncoder {
        try check()
        var pair = self
        (pair.first, pair.second) = (try first.inMemory().readOnly(), try second.inMemory().readOnly())
        return pair
    }

    /// The ids of a prompt's first window, of both tokenizers.
    public func tokens(of prompt: String) -> [Int] { first.tokens(of: prompt) + second.tokens(of: prompt) }

    /// The options, where they differ from the defaults.
    public var record: [String: String] { first.record }

    /// diffusers' warning about the truncated part of a prompt, nil if nothing is truncated.
    public func truncationWarning(for prompt: String) -> String? {
        first.truncationWarning(for: prompt) ?? second.truncationWarning(for: prompt)
    }

    /// The fingerprint of both encoders.
    public func fingerprint() throws -> TextEncoderFingerprint {
        let (a, b) = (try first.fingerprint(), try second.fingerprint())
        let zeros = zeroesEmptyPrompt ? ", zeros for an empty prompt" : ""
        return TextEncoderFingerprint(
            description: "\(a.description) and \(b.description)\(zeros)",
            numbers: .concatenate([a.numbers, b.numbers], axis: 0),
            shape: (first.tokenizer.maximumLength, first.configuration.width + second.configuration.width))
    }

    /// The weights of both encoders; without values unless they are in memory.
    public var adaptedParameters: [LowRankWeights.Part: ParameterSet] {
        [.textEncoder: first.parameters, .textEncoder2: second.parameters]
    }

    /// Adds a LoRA's changes of either encoder.
    public mutating func merge(_ changes: LowRankWeights, weight: Float) throws {
        if let own = changes.of(.textEncoder) { try first.merge(own, weight: weight) }
        if let own = changes.of(.textEncoder2) { try second.merge(own, weight: weight) }
    }

    /// Both text models and the files of their tokenizers.
    public func stored() throws -> StoredTextEncoder? {
        guard var stored = try first.stored(), let other = try second.stored() else { return nil }
        stored.second = [other]
        stored.zeroesEmptyPrompt = zeroesEmptyPrompt
        return stored
    }
}
