import Autograd
import Tensor

extension CLIPTextEncoder {
    /// The embeddings of prompts, each of `windows` windows. Throws ``ModelError`` when the text model cannot be loaded, for settings or a
    /// number of windows out of range, and when the weights in a prompt make its embeddings non-finite.
    public func condition(for prompts: [String], windows: Int) throws -> TextCondition {
        try check()
        guard !prompts.isEmpty, Self.windowLimits.contains(windows) else {
            throw ModelError.invalidArgument(
                operation: "CLIPTextEncoder.condition", argument: prompts.isEmpty ? "prompts" : "windows",
                expected: prompts.isEmpty ? "at least one" : "1 to \(Self.windowLimits.upperBound)",
                found: prompts.isEmpty ? "none" : "\(windows)")
        }
        let (model, all) = (try textModel(), prompts.map(words))
        let chunk = max(64 / windows, 1)
        let parts = try stride(from: 0, to: all.count, by: chunk).map { start in
            try embed(all[start..<min(start + chunk, all.count)], windows: windows, by: model)
        }
        return .concatenate(parts)
    }

    /// The number of windows that the longest of the prompts needs, at most the encoding's limit.
    public func windowCount(for prompts: [String]) -> Int { prompts.map { windowCount(words($0)) }.max() ?? 1 }

    /// A prompt's token ids and their weights, without start, end and padding.
    private struct Words {
        var ids: [Int] = []
        var weights: [Float] = []
    }

    private var windowLength: Int { tokenizer.maximumLength - 2 }

    private func words(_ prompt: String) -> Words {
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

    /// Embeddings `[prompts, windows · tokens, width]`; the pooled ones are those of the first window.
    private func embed(_ prompts: ArraySlice<Words>, windows: Int, by model: CLIPTextModel) throws -> TextCondition {
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
        let (hidden, pooled) =
            isPaired
            ? model.unnormalized(ids, skippingLast: encoding.skippedLayers + 1)
            : (model(ids, skippingLast: encoding.skippedLayers), nil)
        let shape = [prompts.count, windows * tokenizer.maximumLength, configuration.width]
        let embeddings = hidden.reshaped(to: shape)
        let isPlain = weights.allSatisfy { $0 == 1 }
        return TextCondition(
            tokens: isPlain ? embeddings : Variable(try embeddings.value.weighted(by: weights)),
            pooled: pooled?.gathered(rows: prompts.indices.map { ($0 - prompts.startIndex) * windows }))
    }
}

extension Tensor {
    /// Multiplies each token's embedding by its weight, then rescales each prompt's embeddings to restore their mean, as
    /// `lpw_stable_diffusion` does: `[prompts, tokens, width]`.
    fileprivate func weighted(by weights: [Float]) throws -> Tensor {
        let weighted = self * Tensor(weights, shape: [shape[0], shape[1], 1])
        let result = Tensor.concatenate(
            (0..<shape[0]).map { row in
                let (before, after) = (sliced(axis: 0, row..<row + 1), weighted.sliced(axis: 0, row..<row + 1))
                let mean = after.mean()
                return mean == 0 ? after : after * Float(before.mean() / mean)
            }, axis: 0)
        guard result.nonFiniteCount() == 0 else {
            throw ModelError.invalidArgument(
                operation: "CLIPTextEncoder", argument: "weights", expected: "weights that leave the embeddings finite",
                found: "\(weights.min() ?? 1) to \(weights.max() ?? 1)")
        }
        return result
    }
}
