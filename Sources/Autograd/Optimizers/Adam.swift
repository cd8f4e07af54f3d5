import Foundation
import Tensor

/// Adam (arXiv 1412.6980), and AdamW (arXiv 1711.05101) when weight decay is not zero, with `torch.optim`'s formula.
public final class Adam: Optimizer {
    /// The learning rate; schedules set it before each step.
    public var learningRate: Double
    /// The parameters that are optimised.
    public let parameters: [Parameter]
    private let beta1: Double
    private let beta2: Double
    private let epsilon: Double
    private let settings: [ParameterSettings]
    private var stepCount = 0
    private var first: [Tensor]
    private var second: [Tensor]
    private let averages: [ExponentialMovingAverage]
    /// For each averaged parameter, the index of its moving average and its averaged copy.
    private let averagedParameters: [(average: Int, parameter: Parameter)?]

    /// Creates an optimiser.
    ///
    /// - Parameters:
    ///   - parameters: the parameters to optimise.
    ///   - learningRate: the learning rate.
    ///   - betas: decay of the first and of the second moment.
    ///   - epsilon: added to the root of the second moment, after its bias correction.
    ///   - weightDecay: decoupled from the gradient (AdamW).
    ///   - groups: those of `parameters` for which learning rate or weight decay differ.
    ///   - averages: moving averages that every step updates in the same pass over memory; all parameters that they average
    ///     must be among `parameters`.
    public init(
        _ parameters: [Parameter], learningRate: Double, betas: (Double, Double) = (0.9, 0.999),
        epsilon: Double = 1e-8, weightDecay: Double = 0, groups: [ParameterGroup] = [],
        averages: [ExponentialMovingAverage] = []
    ) {
        self.parameters = parameters
        self.learningRate = learningRate
        (beta1, beta2) = betas
        self.epsilon = epsilon
        settings = ParameterSettings.each(of: parameters, in: groups, weightDecay: weightDecay)
        first = parameters.map { .zeros($0.shape) }
        second = parameters.map { .zeros($0.shape) }
        self.averages = averages
        averagedParameters = parameters.map { parameter in
            averages.enumerated().lazy.compactMap { index, average in
                average.average(of: parameter).map { (index, $0) }
            }.first
        }
        for (index, average) in averages.enumerated() {
            let (expected, found) = (average.parameters.all.count, averagedParameters.count { $0?.average == index })
            require(found == expected, "Adam: expected all \(expected) averaged parameters, found \(found)")
        }
    }

    /// Updates every parameter that has a gradient, with the same bias correction for all, and the moving averages in the same pass.
    public func step(scalingGradientsBy factor: Float) {
        stepCount += 1
        let firstMomentCorrection = 1 - pow(beta1, Double(stepCount))
        let correction = (1 - pow(beta2, Double(stepCount))).squareRoot()
        let shares = averages.map { Float(1 - $0.nextDecay) }
        for (i, parameter) in parameters.enumerated() {
            let (averaged, weightDecay) = (averagedParameters[i], settings[i].weightDecay)
            let rate = learningRate * settings[i].learningRateScale
            let share = averaged.map { shares[$0.average] } ?? 0
            guard let gradient = parameter.gradient else {
                averaged?.parameter.interpolate(towards: parameter, by: share)
                continue
            }
            var average = averaged?.parameter.storedValue.take()
            parameter.update {
                Tensor.adamStep(
                    parameter: &$0, gradient: gradient, factor: factor, firstMoment: &first[i],
                    secondMoment: &second[i], stepSize: Float(rate / firstMomentCorrection), beta1: Float(beta1),
                    beta2: Float(beta2), epsilon: Float(epsilon), secondMomentCorrection: Float(correction),
                    weightDecay: Float(rate * weightDecay), average: &average, share: share)
            }
            averaged?.parameter.storedValue = average
        }
        for average in averages { average.updateCount += 1 }
    }

    /// Both moments of every parameter, as `first.<path>` and `second.<path>`, and the step count.
    public var state: OptimizerState {
        get {
            var tensors: [String: Tensor] = [:]
            for (i, parameter) in parameters.enumerated() {
                tensors["first.\(parameter.path)"] = first[i]
                tensors["second.\(parameter.path)"] = second[i]
            }
            return OptimizerState(stepCount: stepCount, tensors: tensors)
        }
        set {
            stepCount = newValue.stepCount
            for (i, parameter) in parameters.enumerated() {
                guard let m = newValue.tensors["first.\(parameter.path)"],
                    let v = newValue.tensors["second.\(parameter.path)"], m.shape == parameter.shape,
                    v.shape == parameter.shape
                else { fatalError("Adam: the state has no moments that fit \(parameter.path)") }
                (first[i], second[i]) = (m, v)
            }
        }
    }
}
