import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Noise schedules")
struct NoiseScheduleTests {
    /// ᾱ of Stable Diffusion's schedule, computed in Double with ten digits.
    static let stableDiffusion: [(timestep: Int, cumulativeAlpha: Double)] = [
        (0, 0.9991500000), (20, 0.9813143622), (100, 0.8942234776), (250, 0.6737926252), (399, 0.4260863636),
        (500, 0.2763326838), (625, 0.1377690340), (750, 0.0561698480), (980, 0.0058437833), (999, 0.0046600985),
    ]

    @Test("ᾱ of the scaled linear schedule", arguments: stableDiffusion)
    func scaledLinear(timestep: Int, cumulativeAlpha: Double) {
        let schedule = NoiseSchedule.scaledLinear()
        #expect(abs(schedule.cumulativeAlphas[timestep] - cumulativeAlpha) <= 1e-9)
        let (alpha, sigma) = (schedule.alpha(timestep), schedule.sigma(timestep))
        #expect(abs(alpha * alpha + sigma * sigma - 1) <= 1e-14)
    }

    @Test("α and σ at the last timestep")
    func alphaAndSigma() {
        let schedule = NoiseSchedule.scaledLinear()
        #expect(abs(schedule.alpha(999) - 0.06826491) <= 5e-9)
        #expect(abs(schedule.sigma(999) - 0.99766723) <= 5e-9)
    }

    @Test("DDPM's linear schedule starts at 1 − β₀ and decreases")
    func linear() {
        let schedule = NoiseSchedule.linear()
        #expect(abs(schedule.cumulativeAlphas[0] - 0.9999) <= 1e-15)
        // Σ log(1 − β) over 1000 steps from 1e-4 to 2e-2.
        #expect(abs(schedule.cumulativeAlphas[999] - 4.0358e-5) <= 1e-9)
        #expect(zip(schedule.cumulativeAlphas, schedule.cumulativeAlphas.dropFirst()).allSatisfy(>))
    }

    @Test("In flow matching α = 1 − t/N and σ = t/N, and N is 1000")
    func flowMatching() throws {
        let schedule = NoiseSchedule.flowMatching()
        #expect(schedule.timestepCount == 1000 && schedule.predictionType == .flow && schedule.isFlowMatching)
        for timestep in [0, 1, 250, 999] {
            let (level, time) = (schedule.level(at: timestep), Double(timestep) / 1000)
            #expect(abs(level.alpha - (1 - time)) <= 1e-15 && abs(level.sigma - time) <= 1e-15)
            #expect(abs(schedule.cumulativeAlphas[timestep] - (1 - time) * (1 - time)) <= 1e-15)
        }
        let written = try JSONEncoder().encode(schedule.configuration)
        let read = try JSONDecoder().decode(NoiseSchedule.Configuration.self, from: written)
        #expect(try NoiseSchedule(read) == schedule)
        #expect(String(decoding: written, as: UTF8.self).contains("FlowMatchEulerDiscreteScheduler"))
    }

    @Test(
        "Predictions of every type convert to every other", arguments: PredictionType.allCases,
        [NoiseSchedule.scaledLinear(), .flowMatching()])
    func conversions(target: PredictionType, schedule: NoiseSchedule) {
        var stream = RandomStream(seed: 3)
        let (original, noise) = (stream.normal([2, 3, 3, 4]), stream.normal([2, 3, 3, 4]))
        let timesteps = [130, 700]
        let noisy = schedule.noisy(original, noise: noise, timesteps: timesteps)
        let velocity = noise * schedule.alphas(timesteps) - original * schedule.sigmas(timesteps)
        let expected: [PredictionType: Tensor] = [
            .epsilon: noise, .sample: original, .velocity: velocity, .flow: noise - original,
        ]
        guard let wanted = expected[target] else { return #expect(Bool(false), "no expectation for \(target)") }
        let direct = schedule.prediction(of: target, original: original, noise: noise, timesteps: timesteps)
        #expect(relativeError(direct, wanted) <= 1e-7)
        for (source, prediction) in expected {
            let converted = schedule.convert(
                prediction, from: source, to: target, noisy: noisy, timesteps: timesteps)
            // Float32 rounding, amplified by at most 1/α = 3.6 or 1/σ = 7.7.
            #expect(relativeError(converted, wanted) <= 4e-6, "\(source) to \(target)")
            // An error of the prediction becomes one of the converted prediction.
            let factors = timesteps.map { Float(schedule.level(at: $0).error(of: target, from: source)) }
            let shifted = schedule.convert(
                prediction + 0.5, from: source, to: target, noisy: noisy, timesteps: timesteps)
            let errors = (shifted - converted).absolute()
            #expect((errors - Tensor(perSample: factors) * 0.5).absolute().maximum() <= 1e-5)
        }
    }

    @Test("Stable Diffusion's 25 leading timesteps go from 961 to 1")
    func leadingTimesteps() {
        let timesteps = TimestepSpacing.leading.timesteps(steps: 25, of: 1000, offset: 1)
        #expect(timesteps == stride(from: 961.0, through: 1, by: -40).map { $0 })
    }

    @Test("With as many steps as timesteps, all stay within the schedule")
    func allTimesteps() {
        let timesteps = TimestepSpacing.leading.timesteps(steps: 1000, of: 1000, offset: 1)
        #expect(timesteps.first == 999)
        #expect(timesteps.last == 1)
    }

    @Test("A PNDM configuration is read with Stable Diffusion's defaults, and its own fields are kept")
    func otherSampler() throws {
        let text = """
            {"_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear",
             "beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
             "steps_offset": 1, "trained_betas": null}
            """
        let configuration = try JSONDecoder().decode(NoiseSchedule.Configuration.self, from: Data(text.utf8))
        #expect(!configuration.clipsSample)
        #expect(!configuration.endsAtOne)
        #expect(try NoiseSchedule(configuration).cumulativeAlphas == NoiseSchedule.scaledLinear().cumulativeAlphas)
        let written = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(configuration))
        guard case .object(let fields) = written else { return #expect(Bool(false), "\(written)") }
        #expect(fields["skip_prk_steps"] == .boolean(true))
        #expect(fields["_class_name"] == .string("PNDMScheduler"))
    }
}
