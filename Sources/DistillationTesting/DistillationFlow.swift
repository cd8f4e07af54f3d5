import Autograd
import DiffusionModels
import Distillation
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
    public let generator: any NoisePredictor
    /// Teacher, fake score and schedule.
    public let judges: Judges
    private let reduction: Reduction
    private let student: OneStepStudent

    /// A flow of `generator`, whose parameters are made trainable.
    public init(
        _ loss: any DistillationLoss, generator: any NoisePredictor, judges: Judges, reduction: Reduction = .mean
    ) {
        (self.loss, self.generator, self.judges, self.reduction) = (loss, generator, judges, reduction)
        let last = OneStepConfiguration(timestep: judges.schedule.timestepCount - 1, of: judges.schedule)
        student = OneStepStudent(network: generator, step: last, predictionType: .sample)
        generator.parameters.unfreeze()
    }

    /// One step against the gradient over a batch.
    ///
    /// - Parameters:
    ///   - samples: the batch and, for an expectation, each sample's share.
    ///   - stepSize: the step.
    /// - Returns: x̂₀ before the step.
    @discardableResult
    public func step(_ samples: FlowSamples, stepSize: Double) -> Tensor {
        let batch = samples.latents.shape[0]
        let condition = Tensor.zeros([batch, 1, 1])
        let drawing = student.generate(from: Variable(samples.latents), given: condition)
        let judged = judges.judge(
            drawing.value, noise: samples.noise, timesteps: samples.timesteps, condition: condition,
            nullCondition: condition, needs: loss.needs)
        var gradient = loss.gradient(judged)
        if let shares = samples.shares {
            gradient *= shares
        } else if reduction == .mean {
            gradient *= 1 / Float(gradient.count)
        }
        drawing.backward(from: gradient)
        let optimizer = SGD(generator.parameters.all, learningRate: stepSize)
        optimizer.step()
        optimizer.zeroGradients()
        return drawing.value
    }
}

/// A batch of a ``DistillationFlow``.
public struct FlowSamples: Sendable {
    /// z, `[batch, 1, 1, 1]`.
    public let latents: Tensor
    /// ε, of the same shape.
    public let noise: Tensor
    /// t, one a sample.
    public let timesteps: [Int]
    /// How much each sample counts, of the same shape; nil for all alike.
    public let shares: Tensor?

    /// Random samples: z and ε normal, t evenly from `timesteps`.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - timesteps: from where t is drawn.
    ///   - isTimestepShared: whether all samples have the same t.
    ///   - stream: of all of it.
    public init(
        random count: Int, timesteps: Range<Int>, isTimestepShared: Bool = false, using stream: inout RandomStream
    ) {
        latents = stream.normal([count, 1, 1, 1])
        noise = stream.normal([count, 1, 1, 1])
        self.timesteps =
            isTimestepShared
            ? Array(repeating: stream.integer(in: timesteps), count: count) : stream.integers(count, in: timesteps)
        shares = nil
    }

    /// The exact expectation over z, ε and t of anything that is at most cubic in z and in ε: three Gauss–Hermite nodes for
    /// each, and every timestep.
    public init(expectationOver timesteps: Range<Int>) {
        let nodes: [(position: Double, weight: Double)] = [
            (-3.0.squareRoot(), 1 / 6), (0, 2 / 3), (3.0.squareRoot(), 1 / 6),
        ]
        var (z, epsilon, share): ([Float], [Float], [Float]) = ([], [], [])
        var times: [Int] = []
        for timestep in timesteps {
            for first in nodes {
                for second in nodes {
                    z.append(Float(first.position))
                    epsilon.append(Float(second.position))
                    share.append(Float(first.weight * second.weight / Double(timesteps.count)))
                    times.append(timestep)
                }
            }
        }
        let shape = [times.count, 1, 1, 1]
        (latents, noise) = (Tensor(z, shape: shape), Tensor(epsilon, shape: shape))
        (shares, self.timesteps) = (Tensor(share, shape: shape), times)
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
        _ fakeScore: any NoisePredictor, on original: Tensor, stepSize: Double, using stream: inout RandomStream
    ) {
        let training = FakeScoreTraining()
        let batch = original.shape[0]
        let draw = FakeScoreDraw(
            timesteps: stream.integers(batch, in: training.timesteps), noise: stream.normal(original.shape),
            dropsPrompts: false)
        fakeScore.parameters.unfreeze()
        training.loss(
            of: fakeScore, on: original, draw, given: .zeros([batch, 1, 1]), schedule: judges.schedule
        ).backward()
        let optimizer = SGD(fakeScore.parameters.all, learningRate: stepSize)
        optimizer.step()
        fakeScore.parameters.freeze()
    }
}
