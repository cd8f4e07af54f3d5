import Tensor

/// An exponential moving average of a network's parameters. An optimiser that is given one updates it in its own pass over memory.
public final class ExponentialMovingAverage {
    /// How the decay depends on the number of updates.
    public enum Rule: String, Codable, Sendable {
        /// min(decay, (1 + s) / (10 + s)) where s is the number of earlier updates, as in diffusers' EMAModel; 0 for the first
        /// update, which copies the parameters.
        case warmingUp
        /// Constant decay from the first update on.
        case constant
    }

    /// The averaged parameters, frozen; a network made from their scope uses the averaged weights.
    public let parameters: ParameterSet
    /// The maximum decay.
    public let decay: Double
    /// How the decay depends on the number of updates.
    public let rule: Rule
    /// The number of updates so far.
    public var updateCount = 0
    private let source: ParameterSet

    /// An average that starts as a copy of `source`.
    ///
    /// Throws ``AutogradError`` for a decay outside 0 to 1, and for parameters in 8-bit integers.
    public init(
        of source: ParameterSet, decay: Double = 0.9999, rule: Rule = .warmingUp
    ) throws(AutogradError) {
        try AutogradError.check(
            (0...1).contains(decay), "ExponentialMovingAverage", "decay", expected: "a number from 0 to 1", found: decay
        )
        try source.all.checkAreNotQuantized(for: "ExponentialMovingAverage")
        self.source = source
        self.decay = decay
        self.rule = rule
        parameters = source.copy(trainable: false)
    }

    /// The decay of the next update.
    public var nextDecay: Double {
        switch rule {
        case .constant: return decay
        case .warmingUp:
            let s = Double(updateCount)
            return updateCount == 0 ? 0 : min(decay, (1 + s) / (10 + s))
        }
    }

    /// Updates the average: average += (1 − decay) · (parameter − average).
    public func update() {
        let share = Float(1 - nextDecay)
        for parameter in source.all { average(of: parameter)?.interpolate(towards: parameter, by: share, in: nil) }
        updateCount += 1
    }

    /// The average of a parameter; nil for one that is not averaged.
    package func average(of parameter: Parameter) -> Parameter? {
        source[parameter.path] === parameter ? parameters[parameter.path] : nil
    }
}

extension Parameter {
    /// Linearly interpolates the value towards another parameter's, or towards the elements of it in a range, flat, by `share`.
    package func interpolate(towards parameter: Parameter, by share: Float, in range: Range<Int>? = nil) {
        if share == 1 {
            // A part would keep the memory of the whole.
            storedValue = range.map { parameter.value.elements($0) } ?? parameter.value
        } else {
            let target = range.map { parameter.value.part($0) } ?? parameter.value
            update { $0.interpolate(towards: target, by: share) }
        }
    }

    /// Keeps only the elements in a range of a value that still has all, unless the range is all, and returns whether it had all.
    func keepElements(_ range: Range<Int>) -> Bool {
        guard let value = storedValue, value.shape != [range.count] else { return false }
        storedValue = value.elements(range)
        return true
    }
}
