import Tensor

/// Pseudo numerical methods for diffusion models (arXiv 2202.09778), the default sampler of Stable Diffusion 1. diffusers' `PNDMScheduler`.
///
/// The first steps are Runge–Kutta steps with four evaluations each. With `skip_prk_steps` they are multistep steps of increasing
/// order, for which the second timestep is evaluated twice. All other steps combine the last four outputs linearly.
package struct PNDMSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "pndm"
    /// The name of diffusers' scheduler class.
    package static let className = "PNDMScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters([
        "skip_prk_steps": false, "set_alpha_to_one": false, "timestep_spacing": "leading", "steps_offset": 0,
    ])

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let skipsRungeKutta: Bool
    private var stride = 1
    /// The timesteps of the Runge–Kutta evaluations.
    private var rungeKutta: [Int] = []
    private var evaluations = 0
    private var outputs: [Tensor] = []
    private var sum: Tensor?
    private var beginning: Tensor?

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings, such as a network that predicts x₀.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration)
        skipsRungeKutta = try settings.fields.boolean("skip_prk_steps", default: false)
        guard settings.configuration.predictionType != .sample else {
            throw settings.fields.unsupported("prediction_type", expected: "epsilon or v_prediction for PNDM")
        }
    }

    /// Starts a sampling at integer timesteps, with one evaluation more than steps, or nine more with Runge–Kutta steps.
    ///
    /// Throws ``ModelError`` for more steps than timesteps, and for fewer than four or an evaluation beyond the last timestep with
    /// Runge–Kutta steps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        let count = table.ratios.count
        try settings.check(steps: steps, in: skipsRungeKutta || count < 4 ? 1...count : 4...count)
        stride = count / steps
        (evaluations, outputs, sum, beginning, rungeKutta) = (0, [], nil, nil, [])
        let falling = settings.configuration.timestepSpacing.timesteps(
            steps: steps, of: count, offset: settings.configuration.stepsOffset
        ).map { Int($0) }
        var timesteps = falling
        if skipsRungeKutta {
            if falling.count > 1 { timesteps.insert(falling[1], at: 1) }
        } else {
            // The first four timesteps, each after the timestep half a stride above it.
            let halves = falling.prefix(4).flatMap { [$0 + stride / 2, $0] }
            rungeKutta = Array(halves.dropFirst().flatMap { [$0, $0] }.dropFirst().dropLast())
            timesteps = rungeKutta + falling.dropFirst(3)
        }
        if let beyond = timesteps.first(where: { $0 >= count }) {
            throw ModelError.invalidArgument(
                operation: "sampler \(Self.className)", argument: "steps",
                expected: "Runge–Kutta evaluations up to timestep \(count - 1), or skip_prk_steps", found: "\(beyond)")
        }
        return SamplingPlan(
            timesteps.map { SamplingPoint(timestep: Double($0), level: table.level(at: $0)) })
    }

    /// The update after one evaluation.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        defer { evaluations += 1 }
        let timestep = Int(prediction.point.timestep)
        return evaluations < rungeKutta.count
            ? rungeKuttaStep(prediction, at: timestep) : multistep(prediction, at: timestep)
    }

    private mutating func rungeKuttaStep(_ prediction: NetworkPrediction, at timestep: Int) -> Tensor {
        let previous = timestep - (evaluations % 2 == 1 ? 0 : stride / 2)
        let from = rungeKutta[evaluations / 4 * 4]
        var output = prediction.output
        let weight = [1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6][evaluations % 4]
        let total = sum.map { Tensor.combination((1, $0), (weight, output)) } ?? output * Float(weight)
        sum = total
        if evaluations % 4 == 0 {
            outputs.append(output)
            beginning = prediction.latents
        } else if evaluations % 4 == 3 {
            (output, sum) = (total, nil)
        }
        return transfer(beginning ?? prediction.latents, output, from: from, to: previous, prediction.type)
    }

    private mutating func multistep(_ prediction: NetworkPrediction, at timestep: Int) -> Tensor {
        var (from, to) = (timestep, timestep - stride)
        if evaluations == 1 {
            (from, to) = (timestep + stride, timestep)
        } else {
            outputs = outputs.suffix(3) + [prediction.output]
        }
        var latents = prediction.latents
        let recent = Array(outputs.reversed())
        let output: Tensor
        switch recent.count {
        case 1 where evaluations == 1:
            output = .combination((0.5, prediction.output), (0.5, recent[0]))
            latents = beginning ?? latents
            beginning = nil
        case 1:
            output = prediction.output
            beginning = latents
        case 2: output = .combination((1.5, recent[0]), (-0.5, recent[1]))
        case 3: output = .combination((23.0 / 12, recent[0]), (-16.0 / 12, recent[1]), (5.0 / 12, recent[2]))
        default:
            output = .combination(
                (55.0 / 24, recent[0]), (-59.0 / 24, recent[1]), (37.0 / 24, recent[2]), (-9.0 / 24, recent[3]))
        }
        return transfer(latents, output, from: from, to: to, prediction.type)
    }

    /// Formula 9: moves x from one timestep to another, given ε.
    private func transfer(
        _ latents: Tensor, _ output: Tensor, from: Int, to: Int, _ type: PredictionType
    ) -> Tensor {
        let here = table.level(at: min(from, table.ratios.count - 1))
        let end: SignalLevel = settings.configuration.endsAtOne ? .clean : table.level(at: 0)
        let there = to >= 0 ? table.level(at: to) : end
        let epsilon = here.convert(output, from: type, to: .epsilon, noisy: latents)
        let scale = there.alpha / here.alpha
        // σ′ − σ α′/α is −(ᾱ′ − ᾱ) / (ᾱ √(1 − ᾱ′) + √(ᾱ (1 − ᾱ) ᾱ′)).
        return .combination((scale, latents), (there.sigma - scale * here.sigma, epsilon))
    }
}
