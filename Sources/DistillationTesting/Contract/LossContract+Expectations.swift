import DiffusionModels
import Distillation
import Foundation
import Tensor

extension LossContract {
    /// E[g] on the mean and standard deviation of a normal generator: by quadrature and by Monte Carlo against its closed form,
    /// and by quadrature against finite differences of the divergence.
    func expectationChecks() throws -> [ContractCheck] {
        guard expectation.pull != nil || expectation.divergence != nil else { return [] }
        let start = LinearGaussian(mean: data.mean - 0.4, deviation: data.deviation * 1.1)
        let range = loss.timesteps
        let timesteps = [0.03, 0.2, 0.6, 0.95].map { range.lowerBound + Int($0 * Double(range.count)) }
        var (closed, differences, sampled) = (0.0, 0.0, 0.0)
        for timestep in timesteps {
            let stated = gaussianCase(start, timestep)
            let measured = try quadrature(start, timestep)
            if let pull = expectation.pull?(stated) {
                closed = max(closed, Self.error(of: measured, pull))
                sampled = max(sampled, try monteCarlo(start, timestep, pull))
            }
            if let divergence = expectation.divergence {
                differences = max(differences, Self.error(of: measured, Self.slopes(of: divergence, at: stated)))
            }
        }
        var checks: [ContractCheck] = []
        if expectation.pull != nil {
            checks.append(
                ContractCheck(
                    "expected gradient", closed, within: 2e-5,
                    "quadrature of g at four timesteps against its closed form; g itself is Float32"))
            checks.append(
                ContractCheck(
                    "Monte Carlo", sampled, within: 5, "the same over 100,000 random samples, in standard errors"))
        }
        if expectation.divergence != nil {
            checks.append(
                ContractCheck(
                    "divergence", differences, within: 2e-5,
                    "the same quadrature against finite differences of the divergence"))
        }
        return checks
    }

    func gaussianCase(_ generator: LinearGaussian, _ timestep: Int) -> GaussianCase {
        let schedule = schedule
        return GaussianCase(
            alpha: schedule.alpha(timestep), sigma: schedule.sigma(timestep), dataMean: data.mean,
            dataDeviation: data.deviation, mean: generator.mean, deviation: generator.deviation,
            weight: { referenceWeight($0, at: timestep, in: schedule) })
    }

    /// Networks and resources for unconditional data and a generator that is trained.
    func gaussianNetworks(_ generator: LinearGaussianGenerator, data: [LinearGaussian]) -> ScoreNetworks {
        let teacher = LinearGaussianPredictor(data, schedule: schedule)
        let fake = generator.exactScore(schedule: schedule)
        var resources = DistillationResources()
        resources.discriminator = DensityRatio(real: teacher, fake: fake)
        return ScoreNetworks(teacher: teacher, fakeScore: fake, schedule: schedule, resources: resources)
    }

    private func quadrature(_ start: LinearGaussian, _ timestep: Int) throws -> LossExpectation.Pull {
        let samples = FlowSamples(
            nodes: .even(spacing: 0.25), timesteps: [timestep], conditionDeviation: nil, seed: seed)
        let (g, z) = (try gradients(start, samples), samples.latents.scalars)
        let shares = samples.shares?.scalars ?? []
        var pull = LossExpectation.Pull(mean: 0, deviation: 0)
        for i in g.indices {
            pull.mean += Double(shares[i]) * Double(g[i])
            pull.deviation += Double(shares[i]) * Double(g[i]) * Double(z[i])
        }
        return pull
    }

    /// The distance of a Monte Carlo estimate from `expected` in standard errors, the larger of mean and deviation.
    private func monteCarlo(_ start: LinearGaussian, _ timestep: Int, _ expected: LossExpectation.Pull) throws
        -> Double
    {
        var stream = RandomStream(seed: seed).split(timestep)
        let count = 100_000
        let samples = FlowSamples(random: count, timesteps: timestep..<timestep + 1, using: &stream)
        let (g, z) = (try gradients(start, samples), samples.latents.scalars)
        func errors(_ values: [Double], from expected: Double) -> Double {
            let mean = values.reduce(0, +) / Double(count)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
            let distance = abs(mean - expected) / (variance / Double(count)).squareRoot()
            return mean == expected ? 0 : distance.isFinite ? distance : .infinity
        }
        return max(
            errors(g.map(Double.init), from: expected.mean),
            errors(zip(g, z).map { Double($0) * Double($1) }, from: expected.deviation))
    }

    /// g per sample of a generator.
    private func gradients(_ start: LinearGaussian, _ samples: FlowSamples) throws -> [Float] {
        let generator = LinearGaussianGenerator([start])
        let original = samples.latents * Float(start.deviation) + Float(start.mean)
        var batch = GeneratedBatch(
            original: original, noise: samples.noise, timesteps: samples.timesteps, condition: samples.conditions,
            nullCondition: samples.conditions.zeroed(), prompts: samples.timesteps.map { _ in 0 })
        batch.stream = samples.stream
        batch.setGuidance(for: loss)
        let input = try gaussianNetworks(generator, data: [data]).evaluate(batch, needs: loss.needs)
        return try loss.checkedGradient(input).value.scalars
    }

    private static func slopes(
        of divergence: (GaussianCase) -> Double, at place: GaussianCase
    ) -> LossExpectation.Pull {
        func slope(_ mean: Double, _ deviation: Double) -> Double {
            func value(_ step: Double) -> Double {
                divergence(place.moved(mean: place.mean + mean * step, deviation: place.deviation + deviation * step))
            }
            func central(_ step: Double) -> Double { (value(step) - value(-step)) / (2 * step) }
            return (4 * central(5e-4) - central(1e-3)) / 3
        }
        return .init(mean: slope(1, 0), deviation: slope(0, 1))
    }

    private static func error(of found: LossExpectation.Pull, _ expected: LossExpectation.Pull) -> Double {
        let size = max(abs(expected.mean), abs(expected.deviation))
        let difference = max(abs(found.mean - expected.mean), abs(found.deviation - expected.deviation))
        return difference.isFinite ? difference / size : .infinity
    }
}
