import CTensorKernels
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
        let needs = (queries: requiresGradient, keys: keys.requiresGradient, values: values.requiresGradient)
        return Variable.record(output, from: [self, keys, values]) { outputGradient in
            let gradients = attentionGradients(
                q, k, v, output, logSumExp, outputGradient, heads: heads, isCausal: isCausal)
            return [
                needs.queries ? gradients.queries : nil, needs.keys ? gradients.keys : nil,
                needs.values ? gradients.values : nil,
            ]
        }
    }
}

/// The gradients of queries, keys and values; one head of one image per task.
private func attentionGradients(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ output: Tensor, _ logSumExp: Tensor,
    _ outputGradient: Tensor, heads: Int, isCausal: Bool
) -> (queries: Tensor, keys: Tensor, values: Tensor) {
    let g = AttentionGeometry(
        queries: queries.shape, keys: keys.shape, values: values.shape, heads: heads, isCausal: isCausal)
    var queryGradient = Tensor(shape: queries.shape) { _ in }
    var keyGradient = Tensor(shape: keys.shape) { _ in }
    var valueGradient = Tensor(shape: values.shape) { _ in }
    let (q, k, v) = (Shared(queries.base), Shared(keys.base), Shared(values.base))
    let (y, dy, sums) = (Shared(output.base), Shared(outputGradient.base), Shared(logSumExp.base))
    let dq = SharedMutable(queryGradient.mutableBase())
    let dk = SharedMutable(keyGradient.mutableBase())
    let dv = SharedMutable(valueGradient.mutableBase())
    let stride = heads * g.width
    let scratchCount = kernels.attention_scratch(g.width)
    parallelFor(g.batch * heads, grain: 1) { range in
        withScratch(scratchCount) { scratch in
            for pair in range {
                let (image, head) = (pair / heads, pair % heads)
                let queryStart = image * g.queries * stride + head * g.width
                let keyStart = image * g.keys * stride + head * g.width
                var inputs = tensor_attention_head(
                    queries: q + queryStart, keys: k + keyStart, values: v + keyStart, query_stride: stride,
                    key_stride: stride, query_count: g.queries, key_count: g.keys, width: g.width, first_query: 0,
                    causal: g.isCausal, scale: g.scale)
                kernels.attention_gradient(
                    &inputs, y + queryStart, dy + queryStart, stride, sums + pair * g.queries, dq + queryStart,
                    dk + keyStart, dv + keyStart, stride, stride, scratch)
            }
        }
    }
    return (queryGradient, keyGradient, valueGradient)
}
