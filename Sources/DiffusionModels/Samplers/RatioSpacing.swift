import Foundation

/// The spacing of noise-to-signal ratios σ/α between the largest and the smallest: `use_karras_sigmas` and similar settings.
enum RatioSpacing: Sendable, Equatable {
    /// The ratios of the timesteps.
    case timesteps
    /// Evenly spaced in σ^(1/7) (arXiv 2206.00364, formula 5).
    case karras
    /// Evenly spaced in log σ.
    case exponential
    /// Evenly spaced in λ (arXiv 2206.00927), which equals spacing in log σ except for the rounding of timesteps.
    case logSignalToNoise
    /// Quantiles of the beta distribution (0.6, 0.6) (arXiv 2407.12173).
    case beta

    /// The spacing that the settings choose. Throws ``ModelError`` for more than one.
    init(_ settings: SchedulerSettings) throws {
        let named: [(name: String, spacing: RatioSpacing)] = [
            ("use_karras_sigmas", .karras), ("use_lu_lambdas", .logSignalToNoise),
            ("use_exponential_sigmas", .exponential), ("use_beta_sigmas", .beta),
        ]
        let fields = settings.fields
        let chosen = try named.filter { spacing in
            try !fields.isNull(spacing.name) && fields.boolean(spacing.name, default: false)
        }
        guard chosen.count <= 1 else {
            throw fields.unsupported(
                chosen[1].name, expected: "only one of \(named.map(\.name).joined(separator: ", "))")
        }
        self = chosen.first?.spacing ?? .timesteps
    }

    /// The ratios in decreasing order.
    func ratios(from largest: Double, to smallest: Double, count: Int) -> [Double] {
        switch self {
        case .timesteps: fatalError("RatioSpacing.ratios: expected a spacing of ratios, found the timesteps'")
        case .karras:
            let power = 7.0
            let (first, last) = (pow(largest, 1 / power), pow(smallest, 1 / power))
            return TimestepSpacing.even(from: 0, to: 1, count: count).map { pow(first + $0 * (last - first), power) }
        case .exponential, .logSignalToNoise:
            return TimestepSpacing.even(from: log(largest), to: log(smallest), count: count).map { exp($0) }
        case .beta:
            let distribution = BetaDistribution(0.6, 0.6)
            return TimestepSpacing.even(from: 0, to: 1, count: count).map { place in
                smallest + distribution.quantile(1 - place) * (largest - smallest)
            }
        }
    }
}
