import DiffusionModels
import Distillation
import DistillationTesting
import Foundation
import Tensor
import Testing

/// Convergence of losses where the solution is known. Data N(1.5, 0.7²) and the mixture 0.3 N(−2, 0.4²) + 0.7 N(2, 0.4²);
/// Stable Diffusion's schedule; no guidance.
@Suite("Convergence")
struct ConvergenceTests {
    private let schedule = NoiseSchedule.scaledLinear()

    private var variational: VariationalScoreDistillation {
        var loss = VariationalScoreDistillation()
        (loss.teacherGuidanceScale, loss.fakeScoreGuidanceScale) = (1, 1)
        return loss
    }

    private var sampling: ScoreDistillationSampling {
        var loss = ScoreDistillationSampling()
        loss.teacherGuidanceScale = 1
        return loss
    }

    private func gaussian(_ loss: any DistillationLoss) -> (flow: DistillationFlow, generator: GaussianGenerator) {
        let generator = GaussianGenerator(mean: -2, deviation: 1.8)
        let networks = ScoreNetworks(
            teacher: GaussianPredictor(mean: 1.5, deviation: 0.7, schedule: schedule),
            fakeScore: generator.exactScore(schedule: schedule), schedule: schedule)
        return (DistillationFlow(loss, generator: generator, networks: networks), generator)
    }

    @Test("Variational score distillation converges to the mean and deviation of Gaussian data")
    func gaussianFlow() throws {
        let (flow, generator) = gaussian(variational)
        let expectation = FlowSamples(expectationOver: 20..<981)
        for _ in 0..<50 { try flow.step(expectation, stepSize: 0.5) }
        #expect(abs(generator.currentMean - 1.49164) <= 2e-5)
        #expect(abs(generator.currentDeviation - 0.74783) <= 2e-5)
        for _ in 50..<500 { try flow.step(expectation, stepSize: 0.5) }
        #expect(abs(generator.currentMean - 1.5) <= 1e-4)
        #expect(abs(generator.currentDeviation - 0.7) <= 1e-4)
    }

    @Test("Score distillation sampling collapses: the deviation falls by a constant factor per step")
    func collapse() throws {
        let (flow, generator) = gaussian(sampling)
        let expectation = FlowSamples(expectationOver: 20..<981)
        // c = mean over t of ω σ α / V; a step multiplies the deviation by 1 − 0.5 c.
        let rates = (20..<981).map { t in
            let (alpha, sigma) = (schedule.alpha(t), schedule.sigma(t))
            return sigma * sigma * sigma * alpha / (alpha * alpha * 0.49 + sigma * sigma)
        }
        let factor = 1 - 0.5 * rates.reduce(0, +) / Double(rates.count)
        #expect(abs(factor - (1 - 0.5 * 0.22746)) <= 1e-5)
        for step in 1...120 {
            try flow.step(expectation, stepSize: 0.5)
            let expected = 1.8 * pow(factor, Double(step))
            // Float32 sums of 8,649 terms of both signs leave an absolute error.
            #expect(abs(Double(generator.currentDeviation) - expected) <= 2e-5 * expected + 2e-6)
        }
        #expect(generator.currentDeviation < 1e-4)
    }

    @Test(
        "The student converges with a trained fake score", arguments: [(1, 0.2, 0.1), (5, 0.05, 0.05)])
    func learnedFakeScore(updates: Int, meanTolerance: Float, deviationTolerance: Float) throws {
        let generator = GaussianGenerator(mean: -2, deviation: 1.8)
        let fakeScore = GaussianPredictor(mean: 0, deviation: 1, schedule: schedule)
        let networks = ScoreNetworks(
            teacher: GaussianPredictor(mean: 1.5, deviation: 0.7, schedule: schedule), fakeScore: fakeScore,
            schedule: schedule)
        let flow = DistillationFlow(variational, generator: generator, networks: networks)
        var stream = RandomStream(seed: 11)
        var (means, deviations): ([Float], [Float]) = ([], [])
        for step in 0..<4000 {
            let batch = try flow.step(FlowSamples(random: 16, timesteps: 20..<981, using: &stream), stepSize: 0.05)
            for _ in 0..<updates { try flow.train(fakeScore, on: batch, stepSize: 0.5, using: &stream) }
            if step >= 3000 {
                means.append(generator.currentMean)
                deviations.append(generator.currentDeviation)
            }
        }
        // Averaged over the last quarter, to reduce the noise of batches of 16.
        #expect(abs(means.reduce(0, +) / 1000 - 1.5) <= meanTolerance)
        #expect(abs(deviations.reduce(0, +) / 1000 - 0.7) <= deviationTolerance)
    }
}

extension ConvergenceTests {
    private func particles(_ loss: any DistillationLoss) throws -> [Float] {
        var stream = RandomStream(seed: 3)
        let generator = ParticleGenerator(stream.normal([256, 1, 1, 1]))
        let data: [MixturePredictor.Component] = [
            .init(weight: 0.3, mean: -2, deviation: 0.4), .init(weight: 0.7, mean: 2, deviation: 0.4),
        ]
        let networks = ScoreNetworks(
            teacher: MixturePredictor(data, schedule: schedule), fakeScore: generator.exactScore(schedule: schedule),
            schedule: schedule)
        let flow = DistillationFlow(loss, generator: generator, networks: networks, reduction: .sum)
        for step in 0..<3000 {
            let samples = FlowSamples(random: 256, timesteps: 20..<981, isTimestepShared: true, using: &stream)
            try flow.step(samples, stepSize: step < 1500 ? 0.3 : 0.05)
        }
        return generator.currentPositions
    }

    /// Wasserstein-1 between the particles and a hundred times as many samples of the data, both sorted.
    private func distance(_ positions: [Float]) -> Float {
        var stream = RandomStream(seed: 4)
        let sampleCount = 256 * 100
        let noise = stream.normal([sampleCount]).scalars
        let data = noise.enumerated().map { index, z in (index % 10 < 3 ? -2 : 2) + 0.4 * z }.sorted()
        let sorted = positions.sorted()
        return data.enumerated().reduce(0) { $0 + abs($1.element - sorted[$1.offset / 100]) } / Float(sampleCount)
    }

    @Test("Variational score distillation covers both modes in proportion to their weights")
    func mixture() throws {
        let positions = try particles(variational)
        let share = Double(positions.filter { $0 > 0 }.count) / 256
        #expect(distance(positions) < 0.10)
        #expect(abs(share - 0.70) <= 0.08)
    }

    @Test("Score distillation sampling collapses into one mode")
    func mixtureCollapse() throws {
        let positions = try particles(sampling)
        let mean = positions.reduce(0, +) / 256
        let deviation = (positions.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 256).squareRoot()
        let isRight = positions.filter { $0 > 0 }.count
        #expect(isRight == 0 || isRight == 256)
        #expect(deviation < 0.15)
    }
}
