import Tensor

/// Stochastic gradient descent with momentum and weight decay, with `torch.optim.SGD`'s formula.
public final class SGD: Optimizer {
    /// The learning rate; schedules set it before each step.
    public var learningRate: Double
    /// The parameters that are optimised.
    public let parameters: [Parameter]
    private let momentum: Float
    private let settings: [ParameterSettings]
    private var stepCount = 0
    private var velocities: [Tensor?]

    /// Creates an optimiser.
    ///
    /// - Parameters:
    ///   - parameters: the parameters to optimise.
    ///   - learningRate: the learning rate.
    ///   - momentum: decay of the velocity; 0 is plain gradient descent.
    ///   - weightDecay: times the parameter, added to its gradient.
    ///   - groups: those of `parameters` for which learning rate or weight decay differ.
    public init(
        _ parameters: [Parameter], learningRate: Double, momentum: Float = 0, weightDecay: Double = 0,
        groups: [ParameterGroup] = []
    ) {
        self.parameters = parameters
        self.learningRate = learningRate
        self.momentum = momentum
        settings = ParameterSettings.each(of: parameters, in: groups, weightDecay: weightDecay)
        velocities = parameters.map { _ in nil }
    }

    /// Updates every parameter that has a gradient.
    public func step(scalingGradientsBy factor: Float) {
        stepCount += 1
        for (i, parameter) in parameters.enumerated() {
            guard let gradient = parameter.gradient else { continue }
            var direction = factor == 1 ? gradient : gradient * factor
            let weightDecay = Float(settings[i].weightDecay)
            if weightDecay != 0 { direction.addScaled(parameter.value, by: weightDecay) }
            if momentum != 0 {
                if var velocity = velocities[i].take() {
                    velocity *= momentum
                    velocity += direction
                    direction = velocity
                }
                velocities[i] = direction
            }
            let rate = Float(learningRate * settings[i].learningRateScale)
            parameter.update { $0.addScaled(direction, by: -rate) }
        }
    }

    /// The velocity of every parameter that has one, as `velocity.<path>`, and the step count.
    public var state: OptimizerState {
        get {
            let named = zip(parameters, velocities).compactMap { parameter, velocity in
                velocity.map { ("velocity.\(parameter.path)", $0) }
            }
            return OptimizerState(stepCount: stepCount, tensors: Dictionary(uniqueKeysWithValues: named))
        }
        set {
            stepCount = newValue.stepCount
            velocities = parameters.map { newValue.tensors["velocity.\($0.path)"] }
        }
    }
}
