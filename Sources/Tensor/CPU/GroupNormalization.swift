import CTensorKernels

/// The statistics of a group norm, kept for its gradient.
package struct GroupStatistics: Sendable {
    /// The mean and reciprocal standard deviation of each group, `[batch · groups]`.
    package let means: [Double]
    package let reciprocalDeviations: [Double]
    /// The normalisation as an affine map of each channel, `[batch, channels]`.
    package let slopes: Tensor
    package let shifts: Tensor
}

extension Tensor {
    /// Group normalisation (arXiv 1803.08494) of `[batch, height, width, channels]` (any number of middle axes) over the
    /// channels of each of `groups` groups and all positions, then `activation`; `scale` and `offset` are `[channels]`.
    public func groupNorm(
        groups: Int, scale: Tensor, offset: Tensor, epsilon: Float, activation: Activation? = nil
    ) -> Tensor {
        let statistics = groupStatistics(groups: groups, scale: scale, offset: offset, epsilon: epsilon)
        return channelAffine(statistics, activation: activation)
    }

    /// The statistics that ``groupNorm(groups:scale:offset:epsilon:activation:)`` computes first.
    package func groupStatistics(groups: Int, scale: Tensor, offset: Tensor, epsilon: Float) -> GroupStatistics {
        guard rank >= 2, let channels = shape.last, channels % groups == 0, scale.shape == [channels],
            offset.shape == [channels]
        else {
            fatalError(
                "groupNorm: input \(shape), \(groups) groups, scale \(scale.shape) and offset \(offset.shape) do not fit"
            )
        }
        let batch = shape[0]
        let positions = count / max(batch * channels, 1)
        let perGroup = channels / groups
        let (sums, squares) = channelProducts(with: self, batch: batch, positions: positions)
        var means = [Double](repeating: 0, count: batch * groups)
        var reciprocals = means
        let slopes = Tensor(uninitialized: [batch, channels])
        let shifts = Tensor(uninitialized: [batch, channels])
        let (gamma, beta) = (Shared(scale), Shared(offset))
        let (slope, shift) = (slopes.storage.base, shifts.storage.base)
        for group in 0..<batch * groups {
            let range = group * perGroup..<(group + 1) * perGroup
            let size = Double(perGroup * positions)
            let mean = sums[range].reduce(0, +) / size
            let variance = max(0, squares[range].reduce(0, +) / size - mean * mean)
            means[group] = mean
            reciprocals[group] = 1 / (variance + Double(epsilon)).squareRoot()
            for (i, channel) in zip(range, group % groups * perGroup..<channels) {
                let factor = Double(gamma.pointer[channel]) * reciprocals[group]
                slope[i] = Float(factor)
                shift[i] = Float(Double(beta.pointer[channel]) - mean * factor)
            }
        }
        return GroupStatistics(means: means, reciprocalDeviations: reciprocals, slopes: slopes, shifts: shifts)
    }

    /// activation(x · slope + shift) of each channel.
    package func channelAffine(_ statistics: GroupStatistics, activation: Activation?) -> Tensor {
        let (batch, channels) = (statistics.slopes.shape[0], statistics.slopes.shape[1])
        let result = Tensor(uninitialized: shape)
        let x = Shared(self)
        let y = SharedMutable(result.storage.base)
        let (a, b) = (Shared(statistics.slopes), Shared(statistics.shifts))
        let operation = Int32(activation?.kernel ?? -1)
        forEachBlock(batch: batch, positions: count / max(batch * channels, 1), channels: channels) {
            image, start, rows in
            kernels.channel_affine(
                rows, channels, x + start, a + image * channels, b + image * channels, operation, y + start)
        }
        return result
    }

    /// Σ x and Σ x·y over the positions of each image and channel, in Double, `[batch · channels]`; self is x.
    fileprivate func channelProducts(with y: Tensor, batch: Int, positions: Int) -> (sums: [Double], products: [Double])
    {
        let channels = count / max(batch * positions, 1)
        let rows = max(1, 32_768 / channels)
        let blocks = (positions + rows - 1) / rows
        let (first, second) = (Shared(self), Shared(y))
        var partial = [Double](repeating: 0, count: 2 * batch * blocks * channels)
        partial.withUnsafeMutableBufferPointer { buffer in
            guard let address = buffer.baseAddress else { return }
            let target = SharedMutable(address)
            parallelFor(batch * blocks, grain: 1) { range in
                for task in range {
                    let row = task % blocks * rows
                    let start = (task / blocks * positions + row) * channels
                    let sums = target + 2 * task * channels
                    kernels.channel_sums(
                        min(rows, positions - row), channels, first + start, second + start, sums, sums + channels)
                }
            }
        }
        var sums = [Double](repeating: 0, count: batch * channels)
        var products = sums
        for task in 0..<batch * blocks {
            let image = task / blocks * channels
            let source = 2 * task * channels
            for channel in 0..<channels {
                sums[image + channel] += partial[source + channel]
                products[image + channel] += partial[source + channels + channel]
            }
        }
        return (sums, products)
    }

    /// Calls `body(image, first element, rows)` for blocks of rows that together cover the map, in parallel.
    fileprivate func forEachBlock(
        batch: Int, positions: Int, channels: Int, _ body: @Sendable (Int, Int, Int) -> Void
    ) {
        let rows = max(1, 65_536 / max(channels, 1))
        let blocks = (positions + rows - 1) / rows
        parallelFor(batch * blocks, grain: 1) { range in
            for task in range {
                let image = task / blocks
                let row = task % blocks * rows
                body(image, (image * positions + row) * channels, min(rows, positions - row))
            }
        }
    }
}

/// The gradient of group norm. With x̂ = (x − mean) · r, the sums Σ dy and Σ dy·x per channel suffice:
/// dx = r (γ dy − mean(γ dy) − x̂ mean(γ dy x̂)), which is affine in dy and x.
package struct GroupNormGradient {
    private let x, gamma, outputGradient: Tensor
    private let groups, batch, channels, positions: Int
    private let statistics: GroupStatistics
    /// Σ dy and Σ dy·x̂ over positions, `[batch · channels]`.
    private let sums: [Double]
    private let normalizedProducts: [Double]

    /// `outputGradient` is the gradient of the norm's output, before the activation.
    package init(_ x: Tensor, scale: Tensor, groups: Int, _ statistics: GroupStatistics, outputGradient: Tensor) {
        (self.x, gamma, self.groups, self.statistics) = (x, scale, groups, statistics)
        self.outputGradient = outputGradient
        batch = x.shape[0]
        channels = scale.count
        positions = x.count / max(batch * channels, 1)
        let (sums, products) = outputGradient.channelProducts(with: x, batch: batch, positions: positions)
        let perGroup = channels / groups
        self.sums = sums
        normalizedProducts = products.indices.map { i in
            let group = i / perGroup
            return (products[i] - statistics.means[group] * sums[i]) * statistics.reciprocalDeviations[group]
        }
    }

    /// The gradient of the scale, `[channels]`.
    package func scale() -> Tensor { overBatch(normalizedProducts) }
    /// The gradient of the offset, `[channels]`.
    package func offset() -> Tensor { overBatch(sums) }

    private func overBatch(_ perImage: [Double]) -> Tensor {
        Tensor(
            (0..<channels).map { channel in
                Float((0..<batch).reduce(0.0) { $0 + perImage[$1 * channels + channel] })
            }, shape: [channels])
    }

    /// The gradient of the input.
    package func input() -> Tensor {
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
        let (width, table) = (channels, Shared(tables))
        let count = batch * channels
        let (source, dy) = (Shared(x), Shared(outputGradient))
        let result = Tensor(uninitialized: x.shape)
        let dx = SharedMutable(result.storage.base)
        x.forEachBlock(batch: batch, positions: positions, channels: channels) { image, start, rows in
            let a = table + image * width
            kernels.channel_affine_gradient(
                rows, width, source + start, dy + start, a, a + count, a + 2 * count, dx + start)
        }
        return result
    }
}
