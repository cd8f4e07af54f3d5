import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor

/// Plain gradient descent of a generator along a loss, with networks in closed form: what a loss does when nothing else,
/// neither an optimiser nor a lagging fake score, stands in its way.
public struct DistillationFlow {
    /// How per-sample gradients become one.
    public enum Reduction: Sendable {
        /// Their mean: the samples share parameters and stand for an expectation.
        case mean
        /// Their sum: every sample has parameters of its own.
        case sum
    }

    /// The loss.
    public let loss: any DistillationLoss
    /// What is moved, by its output x̂₀.
    public let generator: any DenoisingNetwork
    /// Teacher, fake score and schedule.
    public let networks: ScoreNetworks
    private let reduction: Reduction
    private let student: OneStepStudent

    /// A flow of `generator`, whose parameters are made trainable.
    public init(
        _ loss: any DistillationLoss, generator: any DenoisingNetwork, networks: ScoreNetworks,
        reduction: Reduction = .mean
    ) {
        (self.loss, self.generator, self.networks, self.reduction) = (loss, generator, networks, reduction)
        let last = OneStepConfiguration(timestep: networks.schedule.timestepCount - 1, of: networks.schedule)
        student = OneStepStudent(network: generator, step: last, predictionType: .sample)
        generator.parameters.unfreeze()
    }

    /// One plain step against the gradient over a batch.
    ///
    /// - Parameters:
    ///   - samples: the batch and, for an expectation, each sample's share.
    ///   - stepSize: the step.
    /// - Returns: x̂₀ before the step.
    @discardableResult
    public func step(_ samples: FlowSamples, stepSize: Double) -> Tensor {
        step(samples, with: SGD(generator.parameters.all, learningRate: stepSize))
    }

    /// One step of an optimiser against the gradient over a batch. Returns x̂₀ before the step.
    @discardableResult
    public func step(_ samples: FlowSamples, with optimizer: any Optimizer) -> Tensor {
        let original = pullBack(samples)
        optimizer.step()
        generator.parameters.zeroGradients()
        return original
    }

    /// The gradient over a batch on each of the generator's parameters, by its path.
    public func gradient(_ samples: FlowSamples) -> [String: Tensor] {
        pullBack(samples)
        defer { generator.parameters.zeroGradients() }
        return generator.parameters.all.reduce(into: [:]) { $0[$1.path] = $1.gradient }
    }

    /// ScoreNetworks the generator's pictures and leaves the gradient in its parameters.
    @discardableResult
    private func pullBack(_ samples: FlowSamples) -> Tensor {
        let output = student.generate(from: Variable(samples.latents), given: samples.conditions)
        var batch = GeneratedBatch(
            original: output.value, noise: samples.noise, timesteps: samples.timesteps, condition: samples.conditions,
            nullCondition: .zeros(samples.conditions.shape), prompts: samples.timesteps.map { _ in 0 })
        batch.stream = samples.stream
        var gradient = loss.gradient(networks.evaluate(batch, needs: loss.needs)).value
        if let shares = samples.shares {
            gradient *= shares
        } else if reduction == .mean {
            gradient *= 1 / Float(gradient.count)
        }
        output.backward(from: gradient)
        return output.value
    }
}

/// A batch of a ``DistillationFlow``.
public struct FlowSamples: Sendable {
    /// z, `[batch, 1, 1, 1]`, or of another width.
    public let latents: Tensor
    /// ε, of the same shape.
    public let noise: Tensor
    /// t, one a sample.
    public let timesteps: [Int]
    /// How much each sample counts, of the same shape; nil for all alike.
    public let shares: Tensor?
    /// What generator and networks are told, `[batch, 1, 2]`: a number, and 1 where it is there, 0 for the empty prompt.
    public let conditions: Tensor
    /// The loss's own stream.
    public let stream: RandomStream

    /// Random samples: z and ε normal, t evenly from `timesteps`, the condition 0.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - timesteps: from where t is drawn.
    ///   - isTimestepShared: whether all samples have the same t.
    ///   - width: numbers in a sample.
    ///   - stream: of all of it.
    public init(
        random count: Int, timesteps: Range<Int>, isTimestepShared: Bool = false, width: Int = 1,
        using stream: inout RandomStream
    ) {
        latents = stream.normal([count, 1, 1, width])
        noise = stream.normal([count, 1, 1, width])
        self.timesteps =
            isTimestepShared
            ? Array(repeating: stream.integer(in: timesteps), count: count) : stream.integers(count, in: timesteps)
        shares = nil
        conditions = Self.conditions([Float](repeating: 0, count: count))
        self.stream = RandomStream(seed: UInt64(stream.integer(in: 0..<1 << 31)))
    }

    /// The exact expectation over z, ε and t of anything that is at most cubic in z and in ε: three Gauss–Hermite nodes for
    /// each, and every timestep.
    public init(expectationOver timesteps: Range<Int>) {
        self.init(nodes: .gaussHermite, timesteps: Array(timesteps), conditionDeviation: nil, seed: 0)
    }

    /// The expectation over z, ε, t and, with a deviation, over a normal condition.
    ///
    /// - Parameters:
    ///   - nodes: for z, ε and the condition.
    ///   - timesteps: which t, all alike.
    ///   - conditionDeviation: of the condition; nil for the condition 0.
    ///   - seed: of the loss's own stream.
    public init(nodes: QuadratureNodes, timesteps: [Int], conditionDeviation: Double?, seed: UInt64) {
        let told =
            conditionDeviation.map { deviation in nodes.all.map { ($0.position * deviation, $0.weight) } } ?? [(0, 1)]
        var (z, epsilon, share, y): ([Float], [Float], [Float], [Float]) = ([], [], [], [])
        var times: [Int] = []
        for timestep in timesteps {
            for first in nodes.all {
                for second in nodes.all {
                    for (condition, weight) in told {
                        z.append(Float(first.position))
                        epsilon.append(Float(second.position))
                        share.append(Float(first.weight * second.weight * weight / Double(timesteps.count)))
                        y.append(Float(condition))
                        times.append(timestep)
                    }
                }
            }
        }
        let shape = [times.count, 1, 1, 1]
        (latents, noise) = (Tensor(z, shape: shape), Tensor(epsilon, shape: shape))
        (shares, self.timesteps) = (Tensor(share, shape: shape), times)
        conditions = Self.conditions(y)
        stream = RandomStream(seed: seed)
    }

    private static func conditions(_ y: [Float]) -> Tensor { Tensor(y.flatMap { [$0, 1] }, shape: [y.count, 1, 2]) }
}

/// Points and weights that stand for a standard normal distribution.
public struct QuadratureNodes: Sendable {
    /// Positions and weights; the weights add up to 1.
    public let all: [(position: Double, weight: Double)]

    /// Three points, exact up to the fifth power.
    public static let gaussHermite = QuadratureNodes(all: [
        (-3.0.squareRoot(), 1 / 6), (0, 2 / 3), (3.0.squareRoot(), 1 / 6),
    ])

    /// Even points from −7 to 7: for smooth functions the trapezoid rule's error falls faster than any power of the
    /// spacing.
    public static func even(spacing: Double) -> QuadratureNodes {
        let half = Int(7 / spacing)
        let points = (-half...half).map { Double($0) * spacing }
        let weights = points.map { exp(-$0 * $0 / 2) }
        let total = weights.reduce(0, +)
        return QuadratureNodes(all: zip(points, weights).map { ($0, $1 / total) })
    }
}

extension DistillationFlow {
    /// One turn of a fake score that learns, by plain gradient descent on SwiftBrush's loss.
    ///
    /// - Parameters:
    ///   - fakeScore: its parameters are made trainable for the turn.
    ///   - original: x̂₀, as ``step(_:stepSize:)`` returns it.
    ///   - stepSize: the step.
    ///   - stream: of timesteps and noise.
    public func train(
        _ fakeScore: any DenoisingNetwork, on original: Tensor, stepSize: Double, using stream: inout RandomStream
    ) {
        let training = FakeScoreTraining()
        let batch = original.shape[0]
        let inputs = FakeScoreInputs(
            timesteps: stream.integers(batch, in: training.timesteps), noise: stream.normal(original.shape),
            dropsPrompts: Array(repeating: false, count: batch))
        fakeScore.parameters.unfreeze()
        let condition = Tensor.zeros([batch, 1, 2])
        training.loss(
            of: fakeScore, on: original, inputs, given: condition, nullCondition: condition, schedule: networks.schedule
        ).backward()
        let optimizer = SGD(fakeScore.parameters.all, learningRate: stepSize)
        optimizer.step()
        fakeScore.parameters.freeze()
    }
}
