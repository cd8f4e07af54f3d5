import Autograd
import Tensor

/// A model's tokenizer and text encoder, in memory as long as this value is. Keep it while encoding many prompts and release it
/// afterwards.
public struct PromptEncoder {
    /// Converts prompts to token ids.
    public let tokenizer: CLIPTokenizer
    /// Converts token ids to text embeddings.
    public let textEncoder: CLIPTextModel
    /// Options for skipped layers, long prompts and prompt weights.
    public let encoding: PromptEncoding

    /// An encoder from its parts. Throws ``ModelError`` when the tokenizer's ids or prompt length exceed the text encoder's sizes, or
    /// `encoding` skips more layers than there are or allows no window.
    public init(
        tokenizer: CLIPTokenizer, textEncoder: CLIPTextModel, encoding: PromptEncoding = PromptEncoding()
    ) throws {
        (self.tokenizer, self.textEncoder, self.encoding) = (tokenizer, textEncoder, encoding)
        let layers = textEncoder.configuration.layers
        let (positions, vocabulary) = (textEncoder.configuration.maximumPositions, textEncoder.tokenRange.upperBound)
        for (argument, found, range) in [
            ("encoding.skippedLayers", encoding.skippedLayers, 0...layers),
            ("encoding.windowLimit", encoding.windowLimit, 1...1024),
            ("tokenizer.maximumLength", tokenizer.maximumLength, 3...max(positions, 3)),
            ("tokenizer.vocabularySize", tokenizer.vocabularySize, 1...vocabulary),
        ] where !range.contains(found) {
            throw ModelError.invalidArgument(
                operation: "PromptEncoder", argument: argument,
                expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(found)")
        }
    }

    /// The embeddings of prompts. A prompt that is repeated in the list is encoded once.
    ///
    /// - Parameters:
    ///   - prompts: at least one.
    ///   - windows: the number of windows per prompt; nil for as many as the longest needs.
    ///
    /// Throws ``ModelError`` when the weights in a prompt make its embeddings non-finite.
    public func embeddings(for prompts: [String], windows: Int? = nil) throws -> PromptEmbeddings {
        precondition(!prompts.isEmpty, "PromptEncoder: expected at least one prompt, found none")
        var seen: Set<String> = []
        let unique = prompts.filter { seen.insert($0).inserted }
        let words = unique.map(tokens)
        let windows = windows ?? (words.map(windowCount).max() ?? 1)
        let chunk = max(64 / windows, 1)
        let parts = try stride(from: 0, to: unique.count, by: chunk).map { start in
            try embed(words[start..<min(start + chunk, unique.count)], windows: windows)
        }
        return PromptEmbeddings(prompts: unique, values: .concatenate(parts, axis: 0), origin: origin)
    }

    /// The number of windows that the longest of the prompts needs, at most the encoding's limit.
    public func windowCount(for prompts: [String]) -> Int { prompts.map { windowCount(tokens($0)) }.max() ?? 1 }

    /// The fingerprint of this encoder, which is saved with embeddings.
    var origin: PromptEmbeddings.Origin {
        let added = textEncoder.addedEmbeddings.map { $0.scalars } ?? []
        let numbers = textEncoder.parameters.sample + added
        let tokens = "\(tokenizer.vocabularySize) tokens, \(tokenizer.maximumLength) a prompt"
        let marks = [tokenizer.startToken, tokenizer.endToken, tokenizer.paddingToken].map(String.init)
        let reading = tokenizer.readsPaddingTokenAsText ? ", which is text in prompts" : ""
        let plain = encoding == PromptEncoding() ? "" : ", \(encoding.description)"
        return PromptEmbeddings.Origin(
            tokenizer: "\(tokens), from \(marks[0]) to \(marks[1]), padded with \(marks[2])\(reading)\(plain)",
            numbers: Tensor(numbers, shape: [numbers.count]))
    }
}

extension PromptEncoder {
    /// A prompt's token ids and their weights, without start, end and padding.
    private struct Words {
        var ids: [Int] = []
        var weights: [Float] = []
    }

    private var windowLength: Int { tokenizer.maximumLength - 2 }

    private func tokens(_ prompt: String) -> Words {
        guard encoding.readsWeights else {
            let ids = tokenizer.tokens(of: prompt)
            return Words(ids: ids, weights: Array(repeating: 1, count: ids.count))
        }
        return WeightedPrompt(prompt).pieces.reduce(into: Words()) { words, piece in
            let ids = tokenizer.tokens(of: piece.text)
            words.ids += ids
            words.weights += Array(repeating: Float(piece.weight), count: ids.count)
        }
    }

    private func windowCount(_ words: Words) -> Int {
        min(max((words.ids.count + windowLength - 1) / windowLength, 1), encoding.windowLimit)
    }

    /// `[prompts, windows · tokens, width]`.
    private func embed(_ prompts: ArraySlice<Words>, windows: Int) throws -> Tensor {
        var (ids, weights): ([[Int]], [Float]) = ([], [])
        for words in prompts {
            for window in 0..<windows {
                let own = words.ids.dropFirst(window * windowLength).prefix(windowLength)
                let padding = windowLength - own.count
                ids.append(
                    [tokenizer.startToken] + own + [tokenizer.endToken]
                        + Array(repeating: tokenizer.paddingToken, count: padding))
                weights += [1] + words.weights.dropFirst(window * windowLength).prefix(windowLength)
                weights += Array(repeating: 1, count: padding + 1)
            }
        }
        let hidden = textEncoder(ids, skippingLast: encoding.skippedLayers).value
        let shape = [prompts.count, windows * tokenizer.maximumLength, textEncoder.configuration.width]
        return try hidden.reshaped(to: shape).weighted(by: weights)
    }
}

extension Tensor {
    /// Multiplies each token's embedding by its weight, then rescales each prompt's embeddings to restore their mean, as
    /// `lpw_stable_diffusion` does: `[prompts, tokens, width]`.
    fileprivate func weighted(by weights: [Float]) throws -> Tensor {
        if weights.allSatisfy({ $0 == 1 }) { return self }
        let weighted = self * Tensor(weights, shape: [shape[0], shape[1], 1])
        let result = Tensor.concatenate(
            (0..<shape[0]).map { row in
                let (before, after) = (sliced(axis: 0, row..<row + 1), weighted.sliced(axis: 0, row..<row + 1))
                let mean = after.mean()
                return mean == 0 ? after : after * Float(before.mean() / mean)
            }, axis: 0)
        guard result.nonFiniteCount() == 0 else {
            throw ModelError.invalidArgument(
                operation: "PromptEncoder", argument: "weights", expected: "weights that leave the embeddings finite",
                found: "\(weights.min() ?? 1) to \(weights.max() ?? 1)")
        }
        return result
    }
}
