import Tensor

/// Batch normalisation of `[batch, …, channels]` (arXiv 1502.03167). Parameters have PyTorch's keys; `running_mean` and `running_var` are
/// never trained.
public struct BatchNorm: Sendable {
    /// The scale, `[channels]`.
    public let weight: Parameter
    /// The offset, `[channels]`.
    public let bias: Parameter
    /// The moving average of the batches' means, `[channels]`.
    public let runningMean: Parameter
    /// The moving average of the batches' variances, `[channels]`.
    public let runningVariance: Parameter
    private let epsilon: Float
    private let momentum: Float

    /// A layer with the parameters of `scope`.
    ///
    /// - Parameters:
    ///   - channels: the number of channels.
    ///   - epsilon: ε, added to the variance.
    ///   - momentum: the share of a batch in the moving averages.
    ///   - scope: where the parameters are declared.
    public init(channels: Int, epsilon: Float = 1e-5, momentum: Float = 0.1, in scope: ParameterScope) {
        weight = scope.parameter("weight", shape: [channels], initializer: .ones)
        bias = scope.parameter("bias", shape: [channels], initializer: .zeros)
        runningMean = scope.parameter("running_mean", shape: [channels], initializer: .zeros)
        runningVariance = scope.parameter("running_var", shape: [channels], initializer: .ones)
        (self.epsilon, self.momentum) = (epsilon, momentum)
    }

    /// Normalises with the batch's mean and variance and updates the moving averages, or, outside training, with the moving averages. The
    /// shape stays the same.
    public func callAsFunction(_ x: Variable, isTraining: Bool) -> Variable {
        guard isTraining else {
            return (x - Variable(runningMean.value)) / Variable((runningVariance.value + epsilon).squareRoot())
                * weight.variable + bias.variable
        }
        let count = Float(x.value.count / weight.shape[0])
        require(count > 1, "BatchNorm: expected more than one number per channel in training, found 1")
        let result = x.batchNorm(scale: weight.variable, offset: bias.variable, epsilon: epsilon)
        update(runningMean, towards: result.mean)
        update(runningVariance, towards: result.variance * (count / (count - 1)))
        return result.output
    }

    private func update(_ average: Parameter, towards value: Tensor) {
        var next = average.value
        next.interpolate(towards: value, by: momentum)
        average.value = next
    }
}

extension Variable {
    /// Normalises each channel of `[batch, …, channels]` by its mean and variance over all other axes: PyTorch's `batch_norm` in training.
    ///
    /// - Parameters:
    ///   - scale: `[channels]`.
    ///   - offset: `[channels]`.
    ///   - epsilon: added to the variance.
    /// - Returns: the result of the same shape, and each channel's mean and variance, with n in its denominator, `[channels]`.
    public func batchNorm(
        scale: Variable, offset: Variable, epsilon: Float = 1e-5
    ) -> (output: Variable, mean: Tensor, variance: Tensor) {
        let axes = Array(0..<shape.count - 1)
        let mean = self.mean(alongAxes: axes)
        let centred = self - mean
        let variance = centred.squared().mean(alongAxes: axes)
        return (centred / (variance + epsilon).squareRoot() * scale + offset, mean.value, variance.value)
    }
}
