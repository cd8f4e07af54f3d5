import Autograd
import Tensor

/// Tokenizer and text encoder of a model, in memory as long as this value is: hold it to encode many prompts, let go of it
/// when they are encoded.
public struct PromptEncoder {
    /// From prompts to token ids.
    public let tokenizer: CLIPTokenizer
    /// From token ids to text embeddings.
    public let textEncoder: CLIPTextModel
    /// How prompts are read, where not in the plain way.
    public let encoding: PromptEncoding

    /// All parts. Throws ``ModelError`` when the tokenizer has ids or prompts that the encoder has no place for, or `encoding` skips more
    /// layers than there are or allows no window.
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

    /// The embeddings of prompts; each is encoded once, however often it stands in the list.
    ///
    /// - Parameters:
    ///   - prompts: at least one.
    ///   - windows: how many windows each gets; nil for as many as the longest needs.
    ///
    /// Throws ``ModelError`` when weights in a prompt make numbers that are not finite.
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

    /// How many windows the longest of some prompts needs, at most the encoding's limit.
    public func windowCount(for prompts: [String]) -> Int { prompts.map { windowCount(tokens($0)) }.max() ?? 1 }

    /// What tells this encoder from others.
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
    /// A prompt's words and their weights, without start, end and padding.
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
    /// The embeddings of each token times its weight, then those of each prompt times what gives their mean back, as
    /// `lpw_stable_diffusion` has it: `[prompts, tokens, width]`.
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
