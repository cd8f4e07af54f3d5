import Tensor

/// An exponential moving average of a network's parameters. An optimiser that is given one updates it in the same pass over memory.
public final class ExponentialMovingAverage {
    /// How the decay depends on the number of updates.
    public enum Rule: String, Codable, Sendable {
        /// min(decay, (1 + s) / (10 + s)) with s updates before this one, 0 for the first: diffusers' EMAModel. The
        /// first update copies the parameters.
        case warmingUp
        /// The same decay from the first update on.
        case constant
    }

    /// The averaged parameters, frozen: a network made from their scope is the average.
    public let parameters: ParameterSet
    /// The largest share of the average that survives an update.
    public let decay: Double
    /// How the decay depends on the number of updates.
    public let rule: Rule
    /// Updates so far.
    public var updateCount = 0
    private let source: ParameterSet

    /// An average that starts as a copy of `source`.
    public init(of source: ParameterSet, decay: Double = 0.9999, rule: Rule = .warmingUp) {
        self.source = source
        self.decay = decay
        self.rule = rule
        parameters = source.copy(trainable: false)
    }

    /// The share of the average that the next update keeps.
    public var nextDecay: Double {
        switch rule {
        case .constant: return decay
        case .warmingUp:
            let s = Double(updateCount)
            return updateCount == 0 ? 0 : min(decay, (1 + s) / (10 + s))
        }
    }

    /// Moves the average towards the parameters: average += (1 − decay) · (parameter − average).
    public func update() {
        let share = Float(1 - nextDecay)
        for parameter in source.all { average(of: parameter)?.interpolate(towards: parameter, by: share) }
        updateCount += 1
    }

    /// The average of a parameter; nil for one that is not averaged.
    func average(of parameter: Parameter) -> Parameter? {
        source[parameter.path] === parameter ? parameters[parameter.path] : nil
    }
}

extension Parameter {
    /// Moves the value a share of the way towards another's.
    func interpolate(towards parameter: Parameter, by share: Float) {
        if share == 1 {
            value = parameter.value
        } else {
            update { $0.interpolate(towards: parameter.value, by: share) }
        }
    }
}
