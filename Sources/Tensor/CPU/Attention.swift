import CTensorKernels

/// The extents of one multi-head attention.
private struct AttentionGeometry: Sendable {
    let batch, queries, keys, heads, width: Int
    let isCausal: Bool
    private let keyRows: [Int]?

    init(
        queries: [Int], keys: [Int], values: [Int], heads: Int, isCausal: Bool, keyRows: [Int]? = nil
    ) {
        require(
            queries.count == 3 && keys == values && keys.count == 3 && queries[0] == keyRows?.count ?? keys[0]
                && queries[2] == keys[2] && heads > 0 && queries[2] % heads == 0
                && (!isCausal || queries[1] == keys[1]) && keyRows?.allSatisfy { 0..<keys[0] ~= $0 } ?? true,
            "attention: queries \(queries), keys \(keys), values \(values), rows of keys \(keyRows ?? []) and \(heads) heads do "
                + "not fit")
        self.keyRows = keyRows
        batch = queries[0]
        self.queries = queries[1]
        self.keys = keys[1]
        self.heads = heads
        width = queries[2] / heads
        self.isCausal = isCausal
    }

    /// The offset of a sample's keys and values.
    func keyStart(of sample: Int) -> Int { (keyRows?[sample] ?? sample) * keys * heads * width }

    var scale: Float { 1 / Float(width).squareRoot() }
}

extension Tensor {
    /// Scaled dot-product attention with `heads` heads side by side in the last axis; self holds the queries.
    ///
    /// `[batch, queries, heads · width]` with keys and values `[batch, keys, heads · width]` → `[batch, queries, heads ·
    /// width]`. The scale is 1/√width. With `isCausal`, query i attends to keys 0…i. With `keyRows`, sample i attends to the keys
    /// and values of sample `keyRows[i]`, so that samples may share them.
    public func attention(
        keys: Tensor, values: Tensor, heads: Int, isCausal: Bool = false, keyRows: [Int]? = nil
    ) -> Tensor {
        attentionWithStatistics(
            keys: keys, values: values, heads: heads, isCausal: isCausal, keyRows: keyRows, keepingStatistics: false
        ).output
    }

    /// ``attention(keys:values:heads:isCausal:keyRows:)`` and, if `keepingStatistics`, the logarithm of each softmax's denominator,
    /// `[batch, heads, queries]`, from which the gradient recomputes the weights.
    package func attentionWithStatistics(
        keys: Tensor, values: Tensor, heads: Int, isCausal: Bool, keyRows: [Int]? = nil, keepingStatistics: Bool
    ) -> (output: Tensor, logSumExp: Tensor?) {
        let g = AttentionGeometry(
            queries: shape, keys: keys.shape, values: values.shape, heads: heads, isCausal: isCausal, keyRows: keyRows)
        let result = Tensor(uninitialized: shape)
        let statistics = keepingStatistics ? Tensor(uninitialized: [g.batch, heads, g.queries]) : nil
        let stride = heads * g.width
        // Few heads with many queries are split along the queries, so that every thread has work.
        let part = max(192, (g.queries + 3) / 4 + 63) / 64 * 64
        let parts = (g.queries + part - 1) / part
        let (q, k, v) = (Shared(self), Shared(keys), Shared(values))
        let y = SharedMutable(result.storage.base)
        let sums = statistics.map { SharedMutable($0.storage.base) }
        let table = MatrixProduct.current.table
        let scratchCount = table.attention_scratch(g.width, min(part, g.queries))
        parallelFor(g.batch * heads * parts, grain: 1, scratch: scratchCount) { range, scratch in
            for task in range {
                let first = task % parts * part
                let pair = task / parts
                let (image, head) = (pair / heads, pair % heads)
                let queryStart = (image * g.queries + first) * stride + head * g.width
                let keyStart = g.keyStart(of: image) + head * g.width
                var inputs = tensor_attention_head(
                    queries: q + queryStart, keys: k + keyStart, values: v + keyStart, query_stride: stride,
                    key_stride: stride, query_count: min(part, g.queries - first), key_count: g.keys,
                    width: g.width, first_query: first, causal: g.isCausal, scale: g.scale)
                table.attention(
                    &inputs, y + queryStart, stride, sums.map { $0 + (pair * g.queries + first) }, scratch)
            }
        }
        return (result, statistics)
    }

    /// The gradients of ``attention(keys:values:heads:isCausal:keyRows:)`` without shared keys; self holds the queries.
    ///
    /// The weights are recomputed tile by tile, as FlashAttention (arXiv 2205.14135) does: no `queries × keys` matrix is stored. One
    /// head of one image per task.
    package func attentionGradients(
        keys: Tensor, values: Tensor, heads: Int, isCausal: Bool, output: Tensor, logSumExp: Tensor,
        outputGradient: Tensor
    ) -> (queries: Tensor, keys: Tensor, values: Tensor) {
        let g = AttentionGeometry(
            queries: shape, keys: keys.shape, values: values.shape, heads: heads, isCausal: isCausal)
        let queryGradient = Tensor(uninitialized: shape)
        let keyGradient = Tensor(uninitialized: keys.shape)
        let valueGradient = Tensor(uninitialized: values.shape)
        let (q, k, v) = (Shared(self), Shared(keys), Shared(values))
        let (y, dy, sums) = (Shared(output), Shared(outputGradient), Shared(logSumExp))
        let dq = SharedMutable(queryGradient.storage.base)
        let dk = SharedMutable(keyGradient.storage.base)
        let dv = SharedMutable(valueGradient.storage.base)
        let stride = heads * g.width
        let table = MatrixProduct.current.table
        let scratchCount = table.attention_scratch(g.width, g.queries)
        parallelFor(g.batch * heads, grain: 1, scratch: scratchCount) { range, scratch in
            for pair in range {
                let (image, head) = (pair / heads, pair % heads)
                let queryStart = image * g.queries * stride + head * g.width
                let keyStart = image * g.keys * stride + head * g.width
                var inputs = tensor_attention_head(
                    queries: q + queryStart, keys: k + keyStart, values: v + keyStart, query_stride: stride,
                    key_stride: stride, query_count: g.queries, key_count: g.keys, width: g.width, first_query: 0,
                    causal: g.isCausal, scale: g.scale)
                table.attention_gradient(
                    &inputs, y + queryStart, dy + queryStart, stride, sums + pair * g.queries, dq + queryStart,
                    dk + keyStart, dv + keyStart, stride, stride, scratch)
            }
        }
        return (queryGradient, keyGradient, valueGradient)
    }
}
