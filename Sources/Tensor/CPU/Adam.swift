import CTensorKernels

extension Tensor {
    /// One Adam step in place, in one pass over memory, as `torch.optim.Adam` computes it.
    ///
    /// - Parameters:
    ///   - range: the elements of the parameter to update; gradient, moments and average have as many.
    ///   - factor: multiplies the gradient.
    ///   - stepSize: lr / (1 − β1ᵗ).
    ///   - secondMomentCorrection: √(1 − β2ᵗ).
    ///   - weightDecay: lr · weight decay of AdamW; 0 for Adam.
    ///   - average: a moving average of the parameter, updated in the same pass.
    ///   - share: the weight of the new parameter in `average`.
    package static func adamStep(
        parameter: inout Tensor, range: Range<Int>, gradient: Tensor, factor: Float, firstMoment: inout Tensor,
        secondMoment: inout Tensor,
        stepSize: Float, beta1: Float, beta2: Float, epsilon: Float, secondMomentCorrection: Float, weightDecay: Float,
        average: inout Tensor?, share: Float
    ) {
        require(
            range.upperBound <= parameter.count && range.count == gradient.count && range.count == firstMoment.count
                && range.count == secondMoment.count && average.map { $0.count == range.count } ?? true,
            "adamStep: expected \(range.count) of \(parameter.count) elements, found \(gradient.count) of the gradient")
        let values = SharedMutable(parameter.mutableBase() + range.lowerBound)
        let first = SharedMutable(firstMoment.mutableBase())
        let second = SharedMutable(secondMoment.mutableBase())
        let slope = Shared(gradient)
        let movingAverage = (average?.mutableBase()).map { SharedMutable($0) }
        parallelFor(range.count, grain: 32_768) { range in
            let i = range.lowerBound
            var step = tensor_adam(
                count: range.count, parameter: values + i, gradient: slope + i, factor: factor, first: first + i,
                second: second + i, step_size: stepSize, beta1: beta1, beta2: beta2, epsilon: epsilon,
                second_correction: secondMomentCorrection, decay: weightDecay, average: movingAverage.map { $0 + i },
                share: share)
            kernels.adam(&step)
        }
    }
}
