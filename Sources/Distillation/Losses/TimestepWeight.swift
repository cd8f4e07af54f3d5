import DiffusionModels

/// How much a timestep counts.
public enum TimestepWeight: String, Codable, Sendable, CaseIterable {
    /// 1.
    case one
    /// α_t² = ᾱ_t.
    case signal
    /// σ_t² = 1 − ᾱ_t.
    case noise

    /// The weight of a timestep in a schedule.
    public func callAsFunction(_ timestep: Int, in schedule: NoiseSchedule) -> Double {
        switch self {
        case .one: 1
        case .signal: schedule.cumulativeAlphas[timestep]
        case .noise: 1 - schedule.cumulativeAlphas[timestep]
        }
    }
}
