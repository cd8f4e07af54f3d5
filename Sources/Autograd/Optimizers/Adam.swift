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
    /// The number of steps taken.
    package private(set) var stepCount = 0
    /// Both moments of each parameter's elements in ``shard``; nil for zeros.
    private var first: [Tensor?]
    private var second: [Tensor?]
    /// No first moment is larger, and no second moment than its square.
    private var largestNorm = 0.0
    /// The moving averages that every step updates.
    public let averages: [ExponentialMovingAverage]
    /// The elements of each parameter, flat, that this optimiser updates and has moments and averages of, when processes divide them among
    /// themselves: its gradients are those of these elements. Nil for all. Set before the first step, or before the state.
    package var shard: [Range<Int>]?
    /// For each averaged parameter, the index of its moving average and its averaged copy.
    private let averagedParameters: [(average: Int, parameter: Parameter)?]

    /// Creates an optimiser.
    ///
    /// - Parameters:
    ///   - parameters: the parameters to optimise.
    ///   - learningRate: the learning rate, at least 0.
    ///   - betas: decay of the first and of the second moment, each from 0 to below 1.
    ///   - epsilon: added to the root of the second moment, after its bias correction; above 0 in Float32.
    ///   - weightDecay: decoupled from the gradient (AdamW); at least 0.
    ///   - groups: those of `parameters` for which learning rate or weight decay differ.
    ///   - averages: moving averages that every step updates in the same pass over memory; all parameters that they average
    ///     must be among `parameters`.
    ///
    /// Throws ``AutogradError`` for a setting that is out of range, where `torch.optim.Adam` raises a `ValueError`, and for parameters in 8-bit
    /// integers.
    public init(
        _ parameters: [Parameter], learningRate: Double, betas: (Double, Double) = (0.9, 0.999),
        epsilon: Double = 1e-8, weightDecay: Double = 0, groups: [ParameterGroup] = [],
        averages: [ExponentialMovingAverage] = []
    ) throws(AutogradError) {
        func check(_ isValid: Bool, _ name: String, _ expected: String, _ found: Any) throws(AutogradError) {
            try AutogradError.check(isValid, "Adam", name, expected: expected, found: found)
        }
        let (finite, decays) = ("a finite number of at least 0", "a number from 0 to below 1")
        try check(learningRate.isFinite && learningRate >= 0, "learningRate", finite, learningRate)
        try check((0..<1).contains(betas.0), "betas.0", decays, betas.0)
        try check((0..<1).contains(betas.1), "betas.1", decays, betas.1)
        try check(
            Float(epsilon) > 0 && Float(epsilon).isFinite, "epsilon", "a number above 0 in Float32", epsilon)
        try check(weightDecay.isFinite && weightDecay >= 0, "weightDecay", finite, weightDecay)
        try parameters.checkAreNotQuantized(for: "Adam")
        self.parameters = parameters
        self.learningRate = learningRate
        (beta1, beta2) = betas
        self.epsilon = epsilon
        settings = try ParameterSettings.each(of: parameters, in: groups, weightDecay: weightDecay)
        first = parameters.map { _ in nil }
        second = first
        self.averages = averages
        averagedParameters = parameters.map { parameter in
            averages.enumerated().lazy.compactMap { index, average in
                average.average(of: parameter).map { (index, $0) }
            }.first
        }
        for (index, average) in averages.enumerated() {
            let (expected, found) = (average.parameters.all.count, averagedParameters.count { $0?.average == index })
            try check(found == expected, "averages", "all \(expected) averaged parameters", found)
        }
    }

    /// Updates every parameter that has a gradient, with the same bias correction for all, and the moving averages in the same pass.
    public func step(scalingGradientsBy factor: Float, norm: Double) {
        stepCount += 1
        largestNorm = max(largestNorm, norm)
        keepOwnAverages()
        let firstMomentCorrection = 1 - pow(beta1, Double(stepCount))
        let correction = (1 - pow(beta2, Double(stepCount))).squareRoot()
        let shares = averages.map { Float(1 - $0.nextDecay) }
        for (i, parameter) in parameters.enumerated() {
            let (averaged, weightDecay) = (averagedParameters[i], settings[i].weightDecay)
            let rate = learningRate * settings[i].learningRateScale
            let share = averaged.map { shares[$0.average] } ?? 0
            let range = shard?[i] ?? 0..<parameter.shape.reduce(1, *)
            guard let gradient = parameter.gradient else {
                averaged?.parameter.interpolate(towards: parameter, by: share, in: shard?[i])
                continue
            }
            var (firstMoment, secondMoment) = (first[i].take() ?? zeros(i), second[i].take() ?? zeros(i))
            var average = averaged?.parameter.storedValue.take()
            parameter.update {
                Tensor.adamStep(
                    parameter: &$0, range: range, gradient: gradient, factor: factor, firstMoment: &firstMoment,
                    secondMoment: &secondMoment, stepSize: Float(rate / firstMomentCorrection), beta1: Float(beta1),
                    beta2: Float(beta2), epsilon: Float(epsilon), secondMomentCorrection: Float(correction),
                    weightDecay: Float(rate * weightDecay), average: &average, share: share)
            }
            (first[i], second[i]) = (firstMoment, secondMoment)
            averaged?.parameter.storedValue = average
        }
        for average in averages { average.updateCount += 1 }
    }

    /// Keeps only this optimiser's elements of moving averages that have all, if it is divided, and returns whether there were any.
    @discardableResult package func keepOwnAverages() -> Bool {
        guard let shard else { return false }
        return zip(averagedParameters, shard).reduce(false) { changed, average in
            (average.0?.parameter.keepElements(average.1) ?? false) || changed
        }
    }

    /// A weight changes by at most the step size times its first moment divided by ε, beside what weight decay takes from it.
    public func bound(ofStepWithNorm norm: Double) -> Double {
        let largest = max(largestNorm, norm)
        let rate = learningRate * settings.largestScale
        guard rate * (settings.map(\.weightDecay).max() ?? 0) <= 1,
            largest * largest < Double(Float.greatestFiniteMagnitude)
        else {
            return .infinity
        }
        let stepSize = rate / (1 - pow(beta1, Double(stepCount + 1)))
        return max(largest * largest, stepSize * largest / Double(Float(epsilon)))
    }

    private func zeros(_ i: Int) -> Tensor { .zeros(shard.map { [$0[i].count] } ?? parameters[i].shape) }

    /// Both moments of every parameter, as `first.<path>` and `second.<path>`, and the step count.
    public var state: OptimizerState {
        get {
            var tensors: [String: Tensor] = [:]
            for (i, parameter) in parameters.enumerated() {
                tensors["first.\(parameter.path)"] = first[i] ?? zeros(i)
                tensors["second.\(parameter.path)"] = second[i] ?? zeros(i)
            }
            return OptimizerState(stepCount: stepCount, tensors: tensors)
        }
        set {
            stepCount = newValue.stepCount
            var isWhole = true
            for (i, parameter) in parameters.enumerated() {
                let moments = ["first", "second"].map { newValue.tensors["\($0).\(parameter.path)"] }
                let shapes = moments.map { $0?.shape }
                if let range = shard?[i], shapes.allSatisfy({ $0 == [range.count] }) {
                    (first[i], second[i]) = (moments[0], moments[1])
                    isWhole = isWhole && parameter.shape == [range.count]
                    continue
                }
                guard shapes.allSatisfy({ $0 == parameter.shape }) else {
                    fatalError("Adam: the state has no moments that fit \(parameter.path)")
                }
                func own(_ moment: Tensor?) -> Tensor? { shard.map { moment?.elements($0[i]) } ?? moment }
                (first[i], second[i]) = (own(moments[0]), own(moments[1]))
            }
            // Parts of a state say less than what is known: it is one that this optimiser was in.
            guard isWhole else { return }
            largestNorm = max(newValue.largest("first."), newValue.largest("second.").squareRoot())
        }
    }

    /// The number of elements of both moments of all parameters, in all processes.
    package var momentCount: Int { 2 * parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }

    /// A tensor of the state, of the elements in ``shard`` if there is one: a moment, `first` or `second`, of the parameter with an index.
    package func moment(_ name: String, of i: Int) -> Tensor { (name == "first" ? first : second)[i] ?? zeros(i) }
}
