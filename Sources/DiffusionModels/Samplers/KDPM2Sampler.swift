import Foundation
import Tensor

/// Second-order DPM-Solver as in k-diffusion, `sample_dpm_2`: each step but the last evaluates the network at the geometric mean of its two
/// noise-to-signal ratios and uses the slope there. diffusers' `KDPM2DiscreteScheduler`.
package struct KDPM2Sampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "kdpm2"
    /// The name of diffusers' scheduler class.
    package static let className = "KDPM2DiscreteScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.ratioSpacing.merging([
            "beta_start": 0.00085, "beta_end": 0.012, "timestep_spacing": "linspace", "steps_offset": 0,
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private var midpoints: MidpointGrid

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        midpoints = MidpointGrid(table: SamplingTable(settings.configuration))
    }

    /// Starts a sampling at timesteps that may be fractional, with two evaluations per step. Throws ``ModelError`` for more steps
    /// than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try midpoints.begin(settings, steps: steps) { here, there in there }
    }

    /// First a step to the midpoint; then the whole step from its beginning with the slope at the midpoint.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        midpoints.step(prediction, at: index).latents
    }
}

/// ``KDPM2Sampler`` with ancestral noise, `sample_dpm_2_ancestral`. diffusers' `KDPM2AncestralDiscreteScheduler`.
package struct KDPM2AncestralSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "kdpm2-ancestral"
    /// The name of diffusers' scheduler class.
    package static let className = "KDPM2AncestralDiscreteScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = KDPM2Sampler.parameters

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private var midpoints: MidpointGrid

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        midpoints = MidpointGrid(table: SamplingTable(settings.configuration))
    }

    /// Starts a sampling at timesteps that may be fractional, with two evaluations per step. Throws ``ModelError`` for more steps
    /// than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try midpoints.begin(settings, steps: steps) { here, there in AncestralSplit(from: here, to: there).down }
    }

    /// First a step to the midpoint; then the whole step from its beginning with the slope at the midpoint, and new noise.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let (latents, isWhole, here, there) = midpoints.step(prediction, at: index)
        guard isWhole else { return latents }
        let up = AncestralSplit(from: here.ratio, to: there.ratio).up
        return latents + noise.next(like: latents) * Float(there.alpha * up)
    }
}

/// Midpoint steps on a grid of noise-to-signal ratios.
struct MidpointGrid: Sendable {
    let table: SamplingTable
    private var levels: [SignalLevel] = []
    /// The ratio to which each step's slope is followed, before noise is added.
    private var targets: [Double] = []
    private var middles: [SignalLevel] = []
    private var beginning: Tensor?

    init(table: SamplingTable) { self.table = table }

    /// Starts a sampling.
    ///
    /// - Parameter target: the ratio to which a step's slope is followed, given the ratios at which the step begins and ends.
    mutating func begin(
        _ settings: SchedulerSettings, steps: Int, target: (Double, Double) -> Double
    ) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(continuous: settings, table, steps: steps, roundsKarras: true)
        (levels, beginning) = (grid.levels, nil)
        targets = zip(grid.ratios, grid.ratios.dropFirst()).map(target)
        let middles = zip(grid.ratios, targets).map { Double(Float(($0 * $1).squareRoot())) }
        self.middles = middles.map { SignalLevel(ratio: $0) }
        let between = middles.dropLast().map { ratio in
            SamplingPoint(
                timestep: Double(Float(table.timestep(ofRatio: ratio))), level: SignalLevel(ratio: ratio))
        }
        let points = grid.points
        return SamplingPlan(
            points.prefix(1) + zip(between, points.dropFirst()).flatMap { [$0, $1] }, evaluationsPerStep: 2,
            noiseScale: settings.noiseScale(at: levels[0]))
    }

    /// The latents after an evaluation, whether it completes a step, and the levels at which that step begins and ends.
    mutating func step(
        _ prediction: NetworkPrediction, at index: Int
    ) -> (latents: Tensor, isWhole: Bool, from: SignalLevel, to: SignalLevel) {
        let (here, there) = (levels[index / 2], levels[index / 2 + 1])
        let slope = prediction.epsilon
        guard let start = beginning else {
            let middle = middles[index / 2]
            beginning = prediction.latents
            let latents = Tensor.combination(
                (middle.alpha / here.alpha, prediction.latents), (middle.alpha * (middle.ratio - here.ratio), slope))
            return (latents, false, here, there)
        }
        beginning = nil
        let latents = Tensor.combination(
            (there.alpha / here.alpha, start), (there.alpha * (targets[index / 2] - here.ratio), slope))
        return (latents, true, here, there)
    }
}
