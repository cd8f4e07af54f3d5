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
        let output = x.channelAffine(statistics, activation: activation)
        return Variable.record(output, from: [self, scale, offset]) { outputGradient, needs in
            // The activation's input is recomputed rather than stored, to save memory.
            let normalizedGradient =
                activation.map {
                    x.channelAffine(statistics, activation: nil).activationGradient($0, outputGradient: outputGradient)
                } ?? outputGradient
            let gradient = GroupNormGradient(
                x, scale: gamma, groups: groups, statistics, outputGradient: normalizedGradient)
            return [needs(0, gradient.input()), needs(1, gradient.scale()), needs(2, gradient.offset())]
        }
    }

    /// Layer normalisation (arXiv 1607.06450) over the last axis; `scale` and `offset` have its extent.
    public func layerNorm(scale: Variable, offset: Variable, epsilon: Float) -> Variable {
        let (output, statistics) = value.layerNormWithStatistics(
            scale: scale.value, offset: offset.value, epsilon: epsilon)
        let (x, gamma) = (value, scale.value)
        return Variable.record(output, from: [self, scale, offset]) { outputGradient, needs in
            let gradients = x.layerNormGradients(
                scale: gamma, statistics: statistics, outputGradient: outputGradient, needsInput: needs[0],
                needsParameters: needs[1] || needs[2])
            return [gradients.input, needs(1, gradients.scale), needs(2, gradients.offset)]
        }
    }
}
