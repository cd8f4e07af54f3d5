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
    /// No velocity is larger.
    private var largestVelocity = 0.0

    /// Creates an optimiser.
    ///
    /// - Parameters:
    ///   - parameters: the parameters to optimise.
    ///   - learningRate: the learning rate, at least 0.
    ///   - momentum: the decay of the velocity, from 0 to below 1; 0 is plain gradient descent.
    ///   - weightDecay: times the parameter, added to its gradient; at least 0.
    ///   - groups: those of `parameters` for which learning rate or weight decay differ.
    ///
    /// Throws ``AutogradError`` for a setting that is out of range, and for parameters in 8-bit integers.
    public init(
        _ parameters: [Parameter], learningRate: Double, momentum: Float = 0, weightDecay: Double = 0,
        groups: [ParameterGroup] = []
    ) throws(AutogradError) {
        try AutogradError.check(
            learningRate.isFinite && learningRate >= 0, "SGD", "learningRate",
            expected: "a finite number of at least 0", found: learningRate)
        try AutogradError.check(
            (0..<1).contains(momentum), "SGD", "momentum", expected: "a number from 0 to below 1", found: momentum)
        try AutogradError.check(
            weightDecay.isFinite && weightDecay >= 0, "SGD", "weightDecay",
            expected: "a finite number of at least 0", found: weightDecay)
        try parameters.checkAreNotQuantized(for: "SGD")
        self.parameters = parameters
        self.learningRate = learningRate
        self.momentum = momentum
        settings = try ParameterSettings.each(of: parameters, in: groups, weightDecay: weightDecay)
        velocities = parameters.map { _ in nil }
    }

    /// Updates every parameter that has a gradient.
    public func step(scalingGradientsBy factor: Float, norm: Double) {
        stepCount += 1
        largestVelocity = Double(momentum) * largestVelocity + norm
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

    /// A weight changes by the learning rate times its velocity; with weight decay there is no bound.
    public func bound(ofStepWithNorm norm: Double) -> Double {
        guard settings.allSatisfy({ $0.weightDecay == 0 }) else { return .infinity }
        let velocity = Double(momentum) * largestVelocity + norm
        return max(velocity, learningRate * settings.largestScale * velocity)
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
            largestVelocity = newValue.largest("velocity.")
        }
    }
}
