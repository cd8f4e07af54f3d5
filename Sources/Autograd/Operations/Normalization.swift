import CTensorKernels
import Tensor

extension Variable {
    /// Group normalisation (arXiv 1803.08494) of `[batch, …, channels]` over each group's channels and all positions, then
    /// `activation`; `scale` and `offset` are `[channels]`.
    public func groupNorm(
        groups: Int, scale: Variable, offset: Variable, epsilon: Float, activation: Activation? = nil
    ) -> Variable {
        let statistics = value.groupStatistics(
            groups: groups, scale: scale.value, offset: offset.value, epsilon: epsilon)
        let (x, gamma) = (value, scale.value)
        let needs = (input: requiresGradient, scale: scale.requiresGradient, offset: offset.requiresGradient)
        let output = x.channelAffine(statistics, activation: activation)
        return Variable.record(output, from: [self, scale, offset]) { outputGradient in
            // The activation's input is recomputed rather than stored, to save memory.
            let normalizedGradient =
                activation.map {
                    x.channelAffine(statistics, activation: nil).activationGradient($0, outputGradient: outputGradient)
                } ?? outputGradient
            let gradient = GroupNormGradient(x, gamma, groups: groups, statistics, normalizedGradient)
            return [
                needs.input ? gradient.input() : nil, needs.scale ? gradient.scale() : nil,
                needs.offset ? gradient.offset() : nil,
            ]
        }
    }

    /// Layer normalisation (arXiv 1607.06450) over the last axis; `scale` and `offset` have its extent.
    public func layerNorm(scale: Variable, offset: Variable, epsilon: Float) -> Variable {
        let (output, statistics) = value.layerNormWithStatistics(
            scale: scale.value, offset: offset.value, epsilon: epsilon)
        let (x, gamma) = (value, scale.value)
        let needs = (input: requiresGradient, scale: scale.requiresGradient, offset: offset.requiresGradient)
        return Variable.record(output, from: [self, scale, offset]) { outputGradient in
            let gradients = layerNormGradients(
                x, gamma, statistics, outputGradient, needsInput: needs.input,
                needsParameters: needs.scale || needs.offset)
            return [gradients.input, needs.scale ? gradients.scale : nil, needs.offset ? gradients.offset : nil]
        }
    }
}

/// The gradient of group norm. With x̂ = (x − mean) · r, the sums Σ dy and Σ dy·x per channel suffice:
/// dx = r (γ dy − mean(γ dy) − x̂ mean(γ dy x̂)), which is affine in dy and x.
private struct GroupNormGradient {
    let x, gamma, outputGradient: Tensor
    let groups, batch, channels, positions: Int
    let statistics: GroupStatistics
    /// Σ dy and Σ dy·x̂ over positions, `[batch · channels]`.
    let sums: [Double]
    let normalizedProducts: [Double]

    init(_ x: Tensor, _ gamma: Tensor, groups: Int, _ statistics: GroupStatistics, _ outputGradient: Tensor) {
        (self.x, self.gamma, self.groups, self.statistics) = (x, gamma, groups, statistics)
        self.outputGradient = outputGradient
        batch = x.shape[0]
        channels = gamma.count
        positions = x.count / max(batch * channels, 1)
        let (sums, products) = outputGradient.channelProducts(with: x, batch: batch, positions: positions)
        let perGroup = channels / groups
        self.sums = sums
        normalizedProducts = products.indices.map { i in
            let group = i / perGroup
            return (products[i] - statistics.means[group] * sums[i]) * statistics.reciprocalDeviations[group]
        }
    }

    func scale() -> Tensor { overBatch(normalizedProducts) }
    func offset() -> Tensor { overBatch(sums) }

    private func overBatch(_ perImage: [Double]) -> Tensor {
        Tensor(
            (0..<channels).map { channel in
                Float((0..<batch).reduce(0.0) { $0 + perImage[$1 * channels + channel] })
            }, shape: [channels])
    }

    func input() -> Tensor {
        let perGroup = channels / groups
        let size = Double(perGroup * positions)
        let weights = gamma.scalars
        var slopes = [Float](repeating: 0, count: batch * channels)
        var inputSlopes = slopes
        var shifts = slopes
        for group in 0..<batch * groups {
            let range = group * perGroup..<(group + 1) * perGroup
            let (mean, r) = (statistics.means[group], statistics.reciprocalDeviations[group])
            var plain = 0.0
            var cross = 0.0
            for i in range {
                let weight = Double(weights[i % channels])
                plain += weight * sums[i]
                cross += weight * normalizedProducts[i]
            }
            let slope = -r * r * cross / size
            for i in range {
                slopes[i] = Float(Double(weights[i % channels]) * r)
                inputSlopes[i] = Float(slope)
                shifts[i] = Float(-r * plain / size - slope * mean)
            }
        }
        let tables = Tensor(slopes + inputSlopes + shifts, shape: [3, batch * channels])
        let (width, table) = (channels, Shared(tables.base))
        let count = batch * channels
        let (source, dy) = (Shared(x.base), Shared(outputGradient.base))
        return Tensor(shape: x.shape) { target in
            guard let base = target.baseAddress else { return }
            let dx = SharedMutable(base)
            x.forEachBlock(batch: batch, positions: positions, channels: channels) { image, start, rows in
                let a = table + image * width
                kernels.channel_affine_gradient(
                    rows, width, source + start, dy + start, a, a + count, a + 2 * count, dx + start)
            }
        }
    }
}

/// The gradients of layer norm; the parameters' gradients are summed over fixed blocks of rows, in Double and in order.
private func layerNormGradients(
    _ x: Tensor, _ gamma: Tensor, _ statistics: RowStatistics, _ outputGradient: Tensor, needsInput: Bool,
    needsParameters: Bool
) -> (input: Tensor?, scale: Tensor, offset: Tensor) {
    let columns = gamma.count
    let rows = x.count / max(columns, 1)
    let grain = max(1, 32_768 / max(columns, 1))
    let blocks = (rows + grain - 1) / grain
    var sums = [Double](repeating: 0, count: needsParameters ? blocks * 2 * columns : 0)
    var inputGradient = needsInput ? Tensor(shape: x.shape) { _ in } : nil
    let dx = (inputGradient?.mutableBase()).map { SharedMutable($0) }
    let (source, dy, weights) = (Shared(x.base), Shared(outputGradient.base), Shared(gamma.base))
    let (means, reciprocals) = (Shared(statistics.means.base), Shared(statistics.reciprocalDeviations.base))
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
