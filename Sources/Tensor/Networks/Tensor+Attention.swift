import CTensorKernels

/// The extents of one multi-head attention.
package struct AttentionGeometry: Sendable {
    package let batch, queries, keys, heads, width: Int
    package let isCausal: Bool

    package init(queries: [Int], keys: [Int], values: [Int], heads: Int, isCausal: Bool) {
        precondition(
            queries.count == 3 && keys == values && keys.count == 3 && queries[0] == keys[0]
                && queries[2] == keys[2] && heads > 0 && queries[2] % heads == 0
                && (!isCausal || queries[1] == keys[1]),
            "attention: queries \(queries), keys \(keys), values \(values) and \(heads) heads do not fit")
        batch = queries[0]
        self.queries = queries[1]
        self.keys = keys[1]
        self.heads = heads
        width = queries[2] / heads
        self.isCausal = isCausal
    }

    package var scale: Float { 1 / Float(width).squareRoot() }
}

extension Tensor {
    /// Scaled dot-product attention with `heads` heads side by side in the last axis; self holds the queries.
    ///
    /// `[batch, queries, heads · width]` with keys and values `[batch, keys, heads · width]` → `[batch, queries, heads ·
    /// width]`. The scale is 1/√width. Under `isCausal` query i sees the keys 0…i.
    public func attention(keys: Tensor, values: Tensor, heads: Int, isCausal: Bool = false) -> Tensor {
        attentionWithStatistics(keys: keys, values: values, heads: heads, isCausal: isCausal, keepingStatistics: false)
            .output
    }

    /// ``attention(keys:values:heads:isCausal:)`` and, if asked, the logarithm of each softmax's denominator,
    /// `[batch, heads, queries]`, from which its gradient recomputes the weights.
    package func attentionWithStatistics(
        keys: Tensor, values: Tensor, heads: Int, isCausal: Bool, keepingStatistics: Bool
    ) -> (output: Tensor, logSumExp: Tensor?) {
        let g = AttentionGeometry(
            queries: shape, keys: keys.shape, values: values.shape, heads: heads, isCausal: isCausal)
        let result = Tensor(uninitialized: shape)
        let statistics = keepingStatistics ? Tensor(uninitialized: [g.batch, heads, g.queries]) : nil
        let stride = heads * g.width
        // Few heads with many queries are cut along the queries, so that every thread has work.
        let part = max(192, (g.queries + 3) / 4 + 63) / 64 * 64
        let parts = (g.queries + part - 1) / part
        let (q, k, v) = (Shared(base), Shared(keys.base), Shared(values.base))
        let y = SharedMutable(result.storage.base)
        let sums = statistics.map { SharedMutable($0.storage.base) }
        let scratchCount = kernels.attention_scratch(g.width)
        parallelFor(g.batch * heads * parts, grain: 1) { range in
            withScratch(scratchCount) { scratch in
                for task in range {
                    let first = task % parts * part
                    let pair = task / parts
                    let (image, head) = (pair / heads, pair % heads)
                    let queryStart = (image * g.queries + first) * stride + head * g.width
                    let keyStart = image * g.keys * stride + head * g.width
                    var inputs = tensor_attention_head(
                        queries: q + queryStart, keys: k + keyStart, values: v + keyStart, query_stride: stride,
                        key_stride: stride, query_count: min(part, g.queries - first), key_count: g.keys,
                        width: g.width, first_query: first, causal: g.isCausal, scale: g.scale)
                    kernels.attention(
                        &inputs, y + queryStart, stride, sums.map { $0 + (pair * g.queries + first) }, scratch)
                }
            }
        }
        return (result, statistics)
    }
}
