/// Parameters for which an optimiser's settings differ, like an entry of `torch.optim`'s `param_groups`.
///
/// For example, no weight decay for biases and norms, and a tenth of the learning rate for the text encoder:
/// ```swift
/// let optimizer = try Adam(
///     network.parameters.all + encoder.parameters.all, learningRate: 1e-4, weightDecay: 0.01,
///     groups: [
///         ParameterGroup(network.parameters.all.filter { $0.shape.count == 1 }, weightDecay: 0),
///         ParameterGroup(encoder.parameters.all, learningRateScale: 0.1),
///     ])
/// ```
public struct ParameterGroup {
    /// The group's parameters.
    public let parameters: [Parameter]
    /// The factor on the optimiser's learning rate, also after a schedule has changed that.
    public let learningRateScale: Double
    /// The weight decay instead of the optimiser's; nil for the optimiser's.
    public let weightDecay: Double?

    /// A group of `parameters` with a factor on the optimiser's learning rate and, unless it is nil, another weight decay.
    public init(_ parameters: [Parameter], learningRateScale: Double = 1, weightDecay: Double? = nil) {
        (self.parameters, self.learningRateScale, self.weightDecay) = (parameters, learningRateScale, weightDecay)
    }
}

/// The settings of one parameter in an optimiser.
struct ParameterSettings {
    let learningRateScale: Double
    let weightDecay: Double

    /// The settings of each parameter: its group's, or 1 and `weightDecay` for one in no group.
    ///
    /// Throws ``AutogradError`` for settings out of range, and for parameters that are in two groups or not the optimiser's.
    static func each(
        of parameters: [Parameter], in groups: [ParameterGroup], weightDecay: Double
    ) throws(AutogradError) -> [Self] {
        var found: [ObjectIdentifier: Self] = [:]
        for group in groups {
            for (name, value) in [
                ("learningRateScale", group.learningRateScale), ("weightDecay", group.weightDecay ?? 0),
            ] {
                try AutogradError.check(
                    value.isFinite && value >= 0, "ParameterGroup", name, expected: "a finite number of at least 0",
                    found: value)
            }
            let settings = Self(
                learningRateScale: group.learningRateScale, weightDecay: group.weightDecay ?? weightDecay)
            for parameter in group.parameters {
                let earlier = found.updateValue(settings, forKey: ObjectIdentifier(parameter))
                try AutogradError.check(
                    earlier == nil, "ParameterGroup", "parameters", expected: "\(parameter.path) in one group",
                    found: "it in two")
            }
        }
        let all = parameters.map {
            found.removeValue(forKey: ObjectIdentifier($0)) ?? Self(learningRateScale: 1, weightDecay: weightDecay)
        }
        try AutogradError.check(
            found.isEmpty, "ParameterGroup", "parameters", expected: "only parameters of the optimiser",
            found: "\(found.count) others")
        return all
    }
}

extension [ParameterSettings] {
    /// The largest factor on the learning rate.
    var largestScale: Double { map(\.learningRateScale).max() ?? 1 }
}
