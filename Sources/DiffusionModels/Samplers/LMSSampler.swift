import Tensor

/// A linear multistep method on the probability-flow ODE: a polynomial through the slopes of up to four steps is integrated
/// (Adams–Bashforth on an uneven grid), as in `sample_lms` of k-diffusion. diffusers' `LMSDiscreteScheduler`.
package struct LMSSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "lms"
    /// The name of diffusers' scheduler class.
    package static let className = "LMSDiscreteScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.ratioSpacing.merging(["timestep_spacing": "linspace", "steps_offset": 0]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private var levels: [SignalLevel] = []
    /// The latest slopes, newest first.
    private var slopes: [Tensor] = []

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration)
    }

    /// Starts a sampling at timesteps that may be fractional. Throws ``ModelError`` for more steps than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(continuous: settings, table, steps: steps, boundsKarras: false)
        (levels, slopes) = (grid.levels, [])
        return SamplingPlan(grid.points, noiseScale: settings.noiseScale(at: levels[0]))
    }

    /// One multistep update. When sampling starts from an image, the order is that of the index, as in diffusers, although earlier
    /// slopes are missing.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        slopes = [prediction.epsilon] + slopes.prefix(3)
        let (here, there) = (levels[index], levels[index + 1])
        let order = min(index + 1, 4)
        let terms = slopes.prefix(order).enumerated().map { place, slope in
            (there.alpha * coefficient(of: place, order: order, at: index), slope)
        }
        return .combination([(there.alpha / here.alpha, prediction.latents)] + terms)
    }

    /// The integral over the step of the Lagrange polynomial that is 1 at the ratio `place` steps back; Simpson's rule is exact for cubics.
    private func coefficient(of place: Int, order: Int, at index: Int) -> Double {
        func ratio(_ back: Int) -> Double { levels[index - back].ratio }
        func polynomial(_ x: Double) -> Double {
            (0..<order).filter { $0 != place }
                .reduce(1) { $0 * (x - ratio($1)) / (ratio(place) - ratio($1)) }
        }
        let (from, to) = (levels[index].ratio, levels[index + 1].ratio)
        return (to - from) / 6 * (polynomial(from) + 4 * polynomial((from + to) / 2) + polynomial(to))
    }
}
