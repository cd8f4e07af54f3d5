import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor

extension LossContract {
    /// About 24 equidistant timesteps, enough to determine where a flow converges.
    private var timesteps: [Int] {
        let step = max(1, loss.timesteps.count / 24)
        return Array(stride(from: loss.timesteps.lowerBound + step / 2, to: loss.timesteps.upperBound, by: step))
    }

    /// Minimises the loss from `start` with `steps` steps of Adam, whose learning rate decays to zero. Returns the final
    /// generator.
    func flow(
        from start: LinearGaussian, to data: LinearGaussian, conditionDeviation: Double?, steps: Int
    ) -> LinearGaussian {
        let generator = LinearGaussianGenerator(start)
        let flow = DistillationFlow(loss, generator: generator, networks: gaussianNetworks(generator, data: data))
        let optimizer = Adam(generator.parameters.all, learningRate: 0, betas: (0.8, 0.95))
        let schedule = LearningRateSchedule.cosine(total: steps)
        for step in 0..<steps {
            optimizer.learningRate = 0.08 * schedule.factor(at: step)
            let samples = FlowSamples(
                nodes: .gaussHermite, timesteps: timesteps, conditionDeviation: conditionDeviation,
                seed: seed &+ UInt64(step))
            flow.step(samples, with: optimizer)
        }
        return generator.current
    }

    /// Where a student converges on normally distributed data.
    func gaussianChecks() -> [ContractCheck] {
        guard expectation.optimum != .unknown else { return [] }
        let start = LinearGaussian(mean: data.mean - 3.5, deviation: data.deviation + 1.1)
        let end = flow(from: start, to: data, conditionDeviation: nil, steps: 400)
        let goal = expectation.optimum == .collapse ? 0 : data.deviation
        return [
            ContractCheck(
                "optimum: mean", end.mean - data.mean, within: 0.01,
                "after 400 steps from a distant start: the data's mean"),
            ContractCheck(
                "optimum: deviation", abs(end.deviation) - goal, within: 0.01,
                goal == 0 ? "and zero deviation: the loss collapses" : "and the data's deviation"),
        ]
    }

    /// Where a student converges with the loss's own guidance scales.
    func guidanceChecks() -> [ContractCheck] {
        guard expectation.guidedOptimum != .unknown else { return [] }
        let teacher = LinearGaussian(mean: 0, slope: 1.2, deviation: 0.6)
        let start = LinearGaussian(mean: 0, slope: 0.4, deviation: 1)
        let end = flow(from: start, to: teacher, conditionDeviation: 1, steps: 400)
        if expectation.guidedOptimum == .teacher {
            return [
                ContractCheck(
                    "guided: slope", end.slope - teacher.slope, within: 0.01,
                    "equal guidance scales lead to the unguided teacher"),
                ContractCheck(
                    "guided: deviation", abs(end.deviation) - teacher.deviation, within: 0.01, "and to its deviation"),
            ]
        }
        return [
            ContractCheck(
                "guided: slope", end.slope, 1.05 * teacher.slope...10 * teacher.slope,
                "a larger guidance scale of the teacher leads further along the condition")
        ]
    }

    /// Which modes a student covers on 0.3 N(−2, 0.4²) + 0.7 N(2, 0.4²), with 160 particles that start at N(0, 1).
    func mixtureChecks() -> [ContractCheck] {
        guard expectation.coverage != .unknown else { return [] }
        let positions = particles()
        let share = Double(positions.filter { $0 > 0 }.count) / Double(positions.count)
        if expectation.coverage == .one {
            let mean = positions.reduce(0, +) / Double(positions.count)
            let variance = positions.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(positions.count)
            return [
                ContractCheck(
                    "mixture: modes", min(share, 1 - share), within: 0, "all particles end in one mode"),
                ContractCheck("mixture: deviation", variance.squareRoot(), within: 0.15, "and have collapsed"),
            ]
        }
        return [
            ContractCheck(
                "mixture: distance", Self.distance(positions), within: 0.2,
                "Wasserstein-1 to the data, 1.3 at the start; 160 particles and 1200 noisy steps leave an error"),
            ContractCheck(
                "mixture: share", share - 0.7, within: 0.08, "fraction of the particles in the larger mode, minus 0.7"),
        ]
    }

    private func particles() -> [Double] {
        var run = ParticleRun(
            loss,
            towards: [.init(weight: 0.3, mean: -2, deviation: 0.4), .init(weight: 0.7, mean: 2, deviation: 0.4)])
        (run.count, run.seed) = (160, seed)
        return run.run().scalars.map(Double.init)
    }

    /// Wasserstein-1 between the particles and a hundred times as many samples of the mixture, both sorted.
    private static func distance(_ positions: [Double]) -> Double {
        var stream = RandomStream(seed: 4)
        let sampleCount = positions.count * 100
        let noise = stream.normal([sampleCount]).scalars
        let data = noise.enumerated().map { index, z in (index % 10 < 3 ? -2 : 2) + 0.4 * Double(z) }.sorted()
        let sorted = positions.sorted()
        let total = data.enumerated().reduce(0.0) { $0 + abs($1.element - sorted[$1.offset / 100]) }
        return total / Double(sampleCount)
    }
}
