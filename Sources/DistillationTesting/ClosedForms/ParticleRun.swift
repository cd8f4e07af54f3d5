import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor

/// Trains particles with a loss and exact networks towards a mixture: shows in seconds which distribution the loss leads to.
public struct ParticleRun: Sendable {
    /// The loss. It may need at most the teacher, the fake score and a discriminator.
    public let loss: any DistillationLoss
    /// The components of the data distribution.
    public let data: [MixturePredictor.Component]
    /// The number of particles.
    public var count = 256
    /// The number of Adam steps; the learning rate decays to zero.
    public var steps = 1200
    /// The learning rate of the first step.
    public var learningRate = 0.05
    /// The seed of the initial positions and of all noise and timesteps.
    public var seed: UInt64 = 0

    /// A run of `loss` towards `data`.
    public init(_ loss: any DistillationLoss, towards data: [MixturePredictor.Component]) {
        (self.loss, self.data) = (loss, data)
    }

    /// Runs all steps from N(0, 1) and returns the final positions, `[particles, 1, 1, dimensions]`.
    ///
    /// Throws `DistillationError` for settings out of range, what the loss throws, and `LossGradientError` for a gradient of another shape
    /// than the particles'.
    public func run() throws -> Tensor {
        for (name, isValid, expected, found) in [
            ("data", !data.isEmpty, "at least one component", "none"),
            ("count", (1...1_000_000).contains(count), "1 to 1000000", "\(count)"),
            ("steps", (0...1_000_000_000).contains(steps), "0 to 1000000000", "\(steps)"),
        ] where !isValid {
            throw DistillationError.invalidSetting(name: name, expected: expected, found: found)
        }
        let schedule = NoiseSchedule.scaledLinear()
        try loss.check(on: schedule)
        var stream = RandomStream(seed: seed)
        let width = data[0].mean.count
        let generator = ParticleGenerator(stream.normal([count, 1, 1, width]))
        let teacher = MixturePredictor(data, schedule: schedule)
        let fake = generator.exactScore(schedule: schedule)
        var resources = DistillationResources()
        resources.discriminator = DensityRatio(real: teacher, fake: fake)
        let networks = ScoreNetworks(teacher: teacher, fakeScore: fake, schedule: schedule, resources: resources)
        let flow = DistillationFlow(loss, generator: generator, networks: networks, reduction: .sum)
        let optimizer = try Adam(generator.parameters.all, learningRate: 0, betas: (0.8, 0.95))
        let rates = LearningRateSchedule.cosine(total: steps)
        for step in 0..<steps {
            optimizer.learningRate = learningRate * rates.factor(at: step)
            let samples = FlowSamples(
                random: count, timesteps: loss.timesteps, isTimestepShared: true, width: width, using: &stream)
            try flow.step(samples, with: optimizer)
        }
        return generator.parameters.all[0].value
    }

    /// Eight narrow normal distributions on a circle; those on the right have three times the weight of those on the left.
    public static var ring: [MixturePredictor.Component] {
        (0..<8).map { index in
            let angle = (Double(index) + 0.5) * Double.pi / 4
            return .init(
                weight: cos(angle) > 0 ? 3 : 1, mean: [2 * cos(angle), 2 * sin(angle)], deviation: 0.15)
        }
    }

    /// The fraction of `ring`'s components with more than a third of the particles that their weight calls for.
    public static func coverage(ofRing positions: Tensor) -> Double {
        let components = ring
        let total = components.reduce(0) { $0 + $1.weight }
        var counts = [Int](repeating: 0, count: components.count)
        let values = positions.scalars.map(Double.init)
        for start in stride(from: 0, to: values.count, by: 2) {
            func distance(_ index: Int) -> Double {
                let mean = components[index].mean
                return pow(values[start] - mean[0], 2) + pow(values[start + 1] - mean[1], 2)
            }
            if let nearest = components.indices.min(by: { distance($0) < distance($1) }) { counts[nearest] += 1 }
        }
        let particles = Double(values.count / 2)
        let covered = components.indices.filter { Double(counts[$0]) > particles * components[$0].weight / total / 3 }
        return Double(covered.count) / Double(components.count)
    }
}

extension ParticleRun {
    /// Random points from a mixture, `[count, dimensions]`.
    public static func samples(of data: [MixturePredictor.Component], count: Int, seed: UInt64) -> Tensor {
        var stream = RandomStream(seed: seed).split("data")
        let width = data[0].mean.count
        let total = data.reduce(0) { $0 + $1.weight }
        let noise = stream.normal([count, width]).scalars
        var values: [Float] = []
        for point in 0..<count {
            var left = Double(stream.unit()) * total
            let chosen = data.first { component in
                left -= component.weight
                return left < 0
            }
            guard let component = chosen ?? data.last else { continue }
            values += (0..<width).map {
                Float(component.mean[$0] + component.deviation * Double(noise[point * width + $0]))
            }
        }
        return Tensor(values, shape: [count, width])
    }
}
