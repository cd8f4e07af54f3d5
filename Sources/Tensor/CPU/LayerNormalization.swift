import CTensorKernels

/// The statistics of a layer norm, kept for its gradient: one mean and reciprocal standard deviation per row.
package struct RowStatistics: Sendable {
    package let means: Tensor
    package let reciprocalDeviations: Tensor
}

extension Tensor {
    /// Layer normalisation (arXiv 1607.06450) over the last axis; `scale` and `offset` have its extent.
    public func layerNorm(scale: Tensor, offset: Tensor, epsilon: Float) -> Tensor {
        layerNormWithStatistics(scale: scale, offset: offset, epsilon: epsilon).output
    }

    /// ``layerNorm(scale:offset:epsilon:)`` and the statistics that its gradient needs.
    package func layerNormWithStatistics(
        scale: Tensor, offset: Tensor, epsilon: Float
    ) -> (output: Tensor, statistics: RowStatistics) {
        guard let columns = shape.last, scale.shape == [columns], offset.shape == [columns] else {
            fatalError("layerNorm: input \(shape), scale \(scale.shape) and offset \(offset.shape) do not fit")
        }
        let rows = count / max(columns, 1)
        let result = Tensor(uninitialized: shape)
        let means = Tensor(uninitialized: [rows])
        let reciprocals = Tensor(uninitialized: [rows])
        let (x, y) = (Shared(self), SharedMutable(result.storage.base))
        let (a, b) = (Shared(scale), Shared(offset))
        let (m, r) = (SharedMutable(means.storage.base), SharedMutable(reciprocals.storage.base))
        parallelFor(rows, grain: max(1, 16_384 / max(columns, 1))) { range in
            let i = range.lowerBound
            kernels.layer_norm(
                range.count, columns, epsilon, x + i * columns, a.pointer, b.pointer, y + i * columns, m + i, r + i)
        }
        return (result, RowStatistics(means: means, reciprocalDeviations: reciprocals))
    }

    /// The gradients of ``layerNorm(scale:offset:epsilon:)`` with respect to its input, scale and offset. Those of the parameters are
    /// summed over fixed blocks of rows, in Double and in order.
    package func layerNormGradients(
        scale: Tensor, statistics: RowStatistics, outputGradient: Tensor, needsInput: Bool, needsParameters: Bool
    ) -> (input: Tensor?, scale: Tensor, offset: Tensor) {
        let columns = scale.count
        let rows = count / max(columns, 1)
        let grain = max(1, 32_768 / max(columns, 1))
        let blocks = (rows + grain - 1) / grain
        var sums = [Double](repeating: 0, count: needsParameters ? blocks * 2 * columns : 0)
        let inputGradient = needsInput ? Tensor(uninitialized: shape) : nil
        let dx = inputGradient.map { SharedMutable($0.storage.base) }
        let (source, dy, weights) = (Shared(self), Shared(outputGradient), Shared(scale))
        let (means, reciprocals) = (Shared(statistics.means), Shared(statistics.reciprocalDeviations))
        sums.withUnsafeMutableBufferPointer { buffer in
            let totals = buffer.baseAddress.map { SharedMutable($0) }
            parallelFor(rows, grain: grain) { range in
                let i = range.lowerBound
                let scaleSums = needsParameters ? totals.map { $0 + i / grain * 2 * columns } : nil
                kernels.layer_norm_gradient(
                    range.count, columns, source + i * columns, dy + i * columns, weights.pointer, means + i,
                    reciprocals + i, dx.map { $0 + i * columns }, scaleSums, scaleSums.map { $0 + columns })
            }
        }
        var totals = [Double](repeating: 0, count: 2 * columns)
        if needsParameters {
            for block in 0..<blocks {
                for i in 0..<2 * columns { totals[i] += sums[block * 2 * columns + i] }
            }
        }
        return (
            inputGradient, Tensor(totals[..<columns].map { Float($0) }, shape: [columns]),
            Tensor(totals[columns...].map { Float($0) }, shape: [columns])
        )
    }
}
