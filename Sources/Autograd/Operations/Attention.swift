import Tensor

extension Variable {
    /// Scaled dot-product attention; the `heads` heads are concatenated in the last axis, and `self` holds the queries.
    ///
    /// Queries `[batch, queries, heads · width]`, keys and values `[batch, keys, heads · width]` → `[batch, queries, heads · width]`;
    /// scale 1/√width. With `keyRows`, sample i attends to the keys and values of sample `keyRows[i]`. The backward pass recomputes
    /// the weights tile by tile, as FlashAttention (arXiv 2205.14135) does: no `queries × keys` matrix is stored.
    public func attention(
        keys: Variable, values: Variable, heads: Int, isCausal: Bool = false, keyRows: [Int]? = nil
    ) -> Variable {
        let recorded = requiresGradient || keys.requiresGradient || values.requiresGradient
        if let keyRows, recorded {
            // Samples that share keys would add to the same gradient concurrently.
            return attention(
                keys: keys.gathered(rows: keyRows), values: values.gathered(rows: keyRows), heads: heads,
                isCausal: isCausal)
        }
        let (output, logSumExp) = value.attentionWithStatistics(
            keys: keys.value, values: values.value, heads: heads, isCausal: isCausal, keyRows: keyRows,
            keepingStatistics: recorded)
        guard let logSumExp else { return Variable(output) }
        let (q, k, v) = (value, keys.value, values.value)
        return Variable.record(output, from: [self, keys, values]) { outputGradient, needs in
            let gradients = q.attentionGradients(
                keys: k, values: v, heads: heads, isCausal: isCausal, output: output, logSumExp: logSumExp,
                outputGradient: outputGradient)
            return [needs(0, gradients.queries), needs(1, gradients.keys), needs(2, gradients.values)]
        }
    }
}
