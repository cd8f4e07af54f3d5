import Autograd
import Foundation
import Tensor

/// CLIP as a text encoder: a tokenizer and a ``CLIPTextModel``.
///
/// An encoder made of a model's files loads the weights when it encodes, and releases them afterwards; ``loaded()`` keeps them.
public struct CLIPTextEncoder: TextEncoder {
    /// Where the text model comes from.
    private enum Source {
        case files(ModelFiles)
        case memory(CLIPTextModel)
    }

    /// Converts prompts to token ids.
    public var tokenizer: CLIPTokenizer
    /// Options for skipped layers, long prompts and prompt weights.
    public var encoding: PromptEncoding
    /// The textual inversions that were added: ``add(_:)``.
    public private(set) var inversions: [TextualInversion] = []
    /// The configuration of the text model.
    public let configuration: CLIPTextModel.Configuration

    /// The part of the model's files; the second encoder of two has its own.
    let part: ModelFiles.Part
    /// Whether it is one of two encoders, whose embeddings are states before the last layer and the final normalisation.
    let isPaired: Bool
    private var source: Source
    /// LoRA changes and their weights, which are merged whenever the text model is loaded.
    private var adapters: [(changes: LowRankWeights, weight: Float)] = []

    /// An encoder of parts in memory. Throws ``ModelError`` as ``check()`` does.
    public init(
        tokenizer: CLIPTokenizer, textModel: CLIPTextModel, encoding: PromptEncoding = PromptEncoding()
    ) throws {
        (self.tokenizer, self.encoding, configuration) = (tokenizer, encoding, textModel.configuration)
        (source, part, isPaired) = (.memory(textModel), .textEncoder, false)
        try check()
    }

    /// The encoder of a model's files. Only the tokenizer and the configuration are read.
    ///
    /// Throws ``ModelError`` if they are missing, malformed or contradict each other.
    ///
    /// Of a model with two text encoders it is the first; see ``ModelFiles/promptEncoder(_:inversions:)``.
    public init(_ files: ModelFiles) throws { try self.init(files, part: .textEncoder) }

    init(_ files: ModelFiles, part: ModelFiles.Part) throws {
        (tokenizer, encoding, source) = (try files.tokenizer(part.ownTokenizer), PromptEncoding(), .files(files))
        (self.part, isPaired) = (part, files.hasTwoTextEncoders)
        configuration = try files.textEncoderConfiguration(part)
        try files.checkAgreement(of: tokenizer, with: part)
    }

    /// The numbers of windows that a prompt can have.
    static let windowLimits = 1...1024

    /// Throws ``ModelError`` when the tokenizer's ids or prompt length exceed the text model's sizes, or ``encoding`` skips more layers
    /// than there are or allows no window.
    public func check() throws {
        let added = inversions.reduce(0) { $0 + $1.vectors.shape[0] }
        let positions = configuration.maximumPositions
        for (argument, found, range) in [
            ("encoding.skippedLayers", encoding.skippedLayers, 0...max(configuration.layers - (isPaired ? 1 : 0), 0)),
            ("encoding.windowLimit", encoding.windowLimit, Self.windowLimits),
            ("tokenizer.maximumLength", tokenizer.maximumLength, 3...max(positions, 3)),
            ("tokenizer.vocabularySize", tokenizer.vocabularySize, 1...configuration.vocabularySize + added),
        ] where !range.contains(found) {
            throw ModelError.invalidArgument(
                operation: "CLIPTextEncoder", argument: argument,
                expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(found)")
        }
    }

    /// The text model with the textual inversions and LoRA changes, frozen. Throws ``ModelError`` or `SafetensorsError` when it cannot be
    /// loaded.
    public func textModel() throws -> CLIPTextModel {
        switch source {
        case .files(let files): try changed(files.textEncoder(part))
        case .memory(let model): try changed(adapters.isEmpty ? model : model.copy())
        }
    }

    /// The part of LoRA files that changes the text model.
    private var adapterPart: LowRankWeights.Part { part == .textEncoder2 ? .textEncoder2 : .textEncoder }

    private func changed(_ model: CLIPTextModel) throws -> CLIPTextModel {
        for (changes, weight) in adapters {
            try changes.merge(into: [adapterPart: model.parameters], weight: weight)
        }
        var model = model
        if !inversions.isEmpty { model.addedEmbeddings = .concatenate(inversions.map(\.vectors), axis: 0) }
        return model
    }

    /// Adds a token with its embeddings for use in prompts, as diffusers' `load_textual_inversion` does.
    ///
    /// Throws ``ModelError``, and changes nothing, when the width differs from the text model's or the token exists already.
    public mutating func add(_ inversion: TextualInversion) throws {
        guard inversion.vectors.shape[1] == configuration.width else {
            throw ModelError.invalidArgument(
                operation: "CLIPTextEncoder.add", argument: "the textual inversion \"\(inversion.token)\"",
                expected: "embeddings of the text encoder's width, \(configuration.width)",
                found: "\(inversion.vectors.shape)")
        }
        let count = inversions.reduce(0) { $0 + $1.vectors.shape[0] }
        try tokenizer.add(
            inversion.token, count: inversion.vectors.shape[0], from: configuration.vocabularySize + count)
        inversions.append(inversion)
    }

    /// Adds a LoRA's changes, which are merged whenever the text model is loaded; see ``LowRankWeights``.
    public mutating func merge(_ changes: LowRankWeights, weight: Float) throws {
        let declared = CLIPTextModel(configuration, in: ParameterSet().scope).parameters
        try changes.merge(into: [adapterPart: declared], weight: weight)
        adapters.append((changes, weight))
    }

    /// The text model's weights; without values unless they are in memory.
    public var parameters: ParameterSet {
        switch source {
        case .files: CLIPTextModel(configuration, in: ParameterSet().scope).parameters
        case .memory(let model): model.parameters
        }
    }

    /// The same encoder with a text model over the parameters of `scope`.
    public func over(_ scope: ParameterScope) -> CLIPTextEncoder {
        var encoder = self
        encoder.source = .memory(CLIPTextModel(configuration, in: scope))
        return encoder
    }

    /// The ids of a prompt's first window, with start, end and padding.
    public func tokens(of prompt: String) -> [Int] { tokenizer.encode(prompt) }

    /// The encoder with the text model in memory.
    public func loaded() throws -> any TextEncoder { try inMemory() }

    func inMemory() throws -> CLIPTextEncoder {
        try check()
        var encoder = self
        encoder.source = .memory(try textModel())
        encoder.adapters = []
        return encoder
    }

    /// The text model and the tokenizer's files. Throws ``ModelError`` for textual inversions, which a model folder cannot store.
    public func stored() throws -> StoredTextEncoder? {
        if let inversion = inversions.first {
            throw ModelError.invalidArgument(
                operation: "TextToImageModel.save", argument: "inversions",
                expected: "none, because a model folder cannot store them", found: "\"\(inversion.token)\"")
        }
        let model = try textModel()
        let part = StoredPart(
            library: "transformers", className: model.configuration.className, configuration: model.configuration.json,
            parameters: model.parameters)
        var stored = StoredTextEncoder(
            part: part, tokenizerLibrary: "transformers", tokenizerClass: "CLIPTokenizer",
            tokenizerFolder: tokenizer.folder)
        stored.paddingToken = tokenizer.otherPadding
        return stored
    }

    /// The fingerprint, for which only a few values of each weight are read.
    public func fingerprint() throws -> TextEncoderFingerprint {
        let model: CLIPTextModel
        switch source {
        case .files(let files): model = try changed(files.uncheckedTextEncoder(part))
        case .memory: model = try textModel()
        }
        let tokens = "\(tokenizer.vocabularySize) tokens, \(tokenizer.maximumLength) a prompt"
        let marks = [tokenizer.startToken, tokenizer.endToken, tokenizer.paddingToken].map(String.init)
        let reading = tokenizer.readsPaddingTokenAsText ? ", which is text in prompts" : ""
        let plain = encoding == PromptEncoding() ? "" : ", \(encoding.description)"
        let numbers = model.parameters.sample + (model.addedEmbeddings.map(\.scalars) ?? [])
        return TextEncoderFingerprint(
            description: "\(tokens), from \(marks[0]) to \(marks[1]), padded with \(marks[2])\(reading)\(plain)",
            numbers: Tensor(numbers, shape: [numbers.count]), shape: (tokenizer.maximumLength, configuration.width))
    }

    /// The encoding and the textual inversions, where they differ from the defaults.
    public var record: [String: String] {
        var record: [String: String] = [:]
        if encoding != PromptEncoding() { record["prompt encoding"] = encoding.description }
        if !inversions.isEmpty {
            record["textual inversions"] = inversions.map { inversion in
                var hash = StableHash()
                hash.combine(inversion.vectors.scalars)
                return "\(inversion.token) (\(hash))"
            }.joined(separator: ", ")
        }
        return record
    }

    /// diffusers' warning about the truncated part of a prompt, nil if nothing is truncated; see ``encoding``.
    public func truncationWarning(for prompt: String) -> String? {
        let text = encoding.readsWeights ? WeightedPrompt(prompt).pieces.map(\.text).joined() : prompt
        return tokenizer.truncationWarning(for: text, windows: encoding.windowLimit)
    }
}
