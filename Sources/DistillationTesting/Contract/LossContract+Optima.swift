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
    /// generator, each with one family for each channel.
    func flow(
        from start: [LinearGaussian], to data: [LinearGaussian], conditionDeviation: Double?, steps: Int
    ) throws -> [LinearGaussian] {
        let generator = LinearGaussianGenerator(start)
        let flow = DistillationFlow(loss, generator: generator, networks: gaussianNetworks(generator, data: data))
        let optimizer = try Adam(generator.parameters.all, learningRate: 0, betas: (0.8, 0.95))
        let schedule = LearningRateSchedule.cosine(total: steps)
        var samples = FlowSamples(
            nodes: .gaussHermite, timesteps: timesteps, conditionDeviation: conditionDeviation, width: start.count,
            seed: seed)
        for step in 0..<steps {
            optimizer.learningRate = 0.08 * schedule.factor(at: step)
            samples.stream = RandomStream(seed: seed &+ UInt64(step))
            try flow.step(samples, with: optimizer)
        }
        return generator.current
    }

    /// Where a student converges on normally distributed data whose two channels differ.
    func gaussianChecks() throws -> [ContractCheck] {
        guard expectation.optimum != .unknown else { return [] }
        let data = [
            LinearGaussian(mean: self.data.mean, deviation: self.data.deviation),
            LinearGaussian(mean: -0.5 - self.data.mean, deviation: 1.5 * self.data.deviation),
        ]
        let start = [
            LinearGaussian(mean: data[0].mean - 3.5, deviation: data[0].deviation + 1.1),
            LinearGaussian(mean: data[1].mean + 1.5, deviation: data[1].deviation + 0.6),
        ]
        let end = try flow(from: start, to: data, conditionDeviation: nil, steps: 400)
        let isCollapse = expectation.optimum == .collapse
        return [
            ContractCheck(
                "optimum: mean", Self.largest(zip(end, data).map { $0.mean - $1.mean }), within: 0.01,
                "after 400 steps from a distant start: the data's mean in both channels"),
            ContractCheck(
                "optimum: deviation",
                Self.largest(zip(end, data).map { abs($0.deviation) - (isCollapse ? 0 : $1.deviation) }), within: 0.01,
                isCollapse ? "and zero deviation: the loss collapses" : "and the data's deviation"),
        ]
    }

    /// The number that is largest in absolute value; NaN if one is NaN.
    private static func largest(_ errors: [Double]) -> Double {
        errors.first(where: \.isNaN) ?? errors.max { abs($0) < abs($1) } ?? 0
    }

    /// Where a student converges with the loss's own guidance scales.
    func guidanceChecks() throws -> [ContractCheck] {
        guard expectation.guidedOptimum != .unknown else { return [] }
        let teacher = [
            LinearGaussian(mean: 0, slope: 1.2, deviation: 0.6), LinearGaussian(mean: 0, slope: -0.9, deviation: 0.8),
        ]
        let start = [
            LinearGaussian(mean: 0, slope: 0.4, deviation: 1), LinearGaussian(mean: 0, slope: -0.5, deviation: 0.5),
        ]
        let end = try flow(from: start, to: teacher, conditionDeviation: 1, steps: 400)
        if expectation.guidedOptimum == .teacher {
            return [
                ContractCheck(
                    "guided: slope", Self.largest(zip(end, teacher).map { $0.slope - $1.slope }), within: 0.01,
                    "equal guidance scales lead to the unguided teacher in both channels"),
                ContractCheck(
                    "guided: deviation", Self.largest(zip(end, teacher).map { abs($0.deviation) - $1.deviation }),
                    within: 0.01, "and to its deviation"),
            ]
        }
        let (ratios, allowed) = (zip(end, teacher).map { $0.slope / $1.slope }, 1.05...10.0)
        return [
            ContractCheck(
                "guided: slope", ratios.first { !allowed.contains($0) } ?? ratios[0], allowed,
                "times the teacher's: a larger guidance scale of the teacher leads further along the condition")
        ]
    }

    /// Where a student gets with a trained fake score that lags behind it, with and without alignment.
    func laggingChecks() throws -> [ContractCheck] {
        guard expectation.needsTimelyFakeScore else { return [] }
        var run = LaggingFakeScore(loss)
        (run.data, run.seed) = (data, seed)
        let slow = try run.run()
        run.alignment = 0.97
        let aligned = try run.run()
        let (student, fakeScore) = (
            GaussianGenerator(mean: -2, deviation: 1.8), GaussianGenerator(mean: 0, deviation: 1)
        )
        try FakeScore(network: fakeScore, parameters: fakeScore.parameters)
            .align(with: student.parameters, of: student.parameters, keeping: 0.97)
        let errors = [fakeScore.currentMean + 0.06, fakeScore.currentDeviation - 1.024].map(Double.init)
        return [
            ContractCheck(
                "alignment: share", Self.largest(errors), within: 1e-6,
                "0.97 φ + 0.03 θ for a fake score N(0, 1) and a student N(−2, 1.8²), in Float32"),
            ContractCheck(
                "slow fake score", abs(slow.deviation), within: 0.05,
                "deviation after 1500 steps with a fake score that learns 25 times too slowly: the student has collapsed"
            ),
            ContractCheck(
                "alignment: mean", aligned.mean - data.mean, within: 0.02,
                "minus the data's, with the same fake score, aligned by 0.97: batches of 16 leave noise"),
            ContractCheck(
                "alignment: deviation", aligned.deviation - data.deviation, within: 0.01, "and the data's deviation"),
        ]
    }

    /// Where a student of two steps gets, each trained in its own segment of the timesteps.
    func stepsChecks() throws -> [ContractCheck] {
        let needs = loss.needs
        guard expectation.optimum == .data, needs.contains(.fakeScore),
            needs.isDisjoint(with: [.discriminator, .decoder, .reward, .realLatents, .pairs, .noisedData])
        else { return [] }
        var run = StepwiseGaussian(loss)
        (run.data, run.schedule, run.stepCount, run.iterations) = (data, schedule, 2, 1000)
        let found = try run.run()
        return [
            ContractCheck(
                "two steps: mean", Self.largest(found.map { $0.mean - data.mean }), within: 0.005,
                "minus the data's, of the outputs of each step after 1000 training steps"),
            ContractCheck(
                "two steps: deviation", Self.largest(found.map { $0.deviation - data.deviation }), within: 0.005,
                "minus the data's"),
        ]
    }

    /// Which modes a student covers on 0.3 N((−2, 1), 0.4²) + 0.7 N((2, −1), 0.4²), with 160 particles of two channels that start at
    /// N(0, 1).
    func mixtureChecks() throws -> [ContractCheck] {
        guard expectation.coverage != .unknown else { return [] }
        let means = [[-2.0, 1], [2, -1]]
        let channels = try particles(means)
        let share = Double(channels[0].filter { $0 > 0 }.count) / Double(channels[0].count)
        if expectation.coverage == .one {
            let deviations = channels.map { positions in
                let mean = positions.reduce(0, +) / Double(positions.count)
                let variance = positions.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(positions.count)
                return variance.squareRoot()
            }
            return [
                ContractCheck(
                    "mixture: modes", min(share, 1 - share), within: 0, "all particles end in one mode"),
                ContractCheck("mixture: deviation", Self.largest(deviations), within: 0.15, "and have collapsed"),
            ]
        }
        let distances = channels.indices.map { channel in
            Self.distance(channels[channel], from: means.map { $0[channel] })
        }
        return [
            ContractCheck(
                "mixture: distance", Self.largest(distances), within: 0.2,
                "Wasserstein-1 to the data, 1.3 at the start; 160 particles and 1200 noisy steps leave an error"),
            ContractCheck(
                "mixture: share", share - 0.7, within: 0.08, "fraction of the particles in the larger mode, minus 0.7"),
        ]
    }

    /// The final positions in each channel.
    private func particles(_ means: [[Double]]) throws -> [[Double]] {
        var run = ParticleRun(
            loss, towards: zip([0.3, 0.7], means).map { .init(weight: $0, mean: $1, deviation: 0.4) })
        (run.count, run.seed) = (160, seed)
        let positions = try run.run()
        return means[0].indices.map { positions.sliced(axis: 3, $0..<$0 + 1).scalars.map(Double.init) }
    }

    /// Wasserstein-1 in one channel between the particles and a hundred times as many samples of the mixture, both sorted.
    private static func distance(_ positions: [Double], from means: [Double]) -> Double {
        var stream = RandomStream(seed: 4)
        let sampleCount = positions.count * 100
        let noise = stream.normal([sampleCount]).scalars
        let data = noise.enumerated().map { index, z in means[index % 10 < 3 ? 0 : 1] + 0.4 * Double(z) }.sorted()
        let sorted = positions.sorted()
        let total = data.enumerated().reduce(0.0) { $0 + abs($1.element - sorted[$1.offset / 100]) }
        return total / Double(sampleCount)
    }
}
