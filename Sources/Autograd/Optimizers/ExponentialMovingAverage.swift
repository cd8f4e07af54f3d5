import Tensor

/// A slowly following copy of a network's parameters.
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
        let weight = Float(1 - nextDecay)
        for (average, parameter) in zip(parameters.all, source.all) {
            if weight == 1 {
                average.value = parameter.value
            } else {
                average.update { $0.interpolate(towards: parameter.value, by: weight) }
            }
        }
        updateCount += 1
    }
}
