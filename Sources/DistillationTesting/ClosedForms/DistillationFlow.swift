import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor

/// Gradient descent of a generator on a loss, with networks in closed form: shows the effect of the loss alone, without that of an
/// adaptive optimiser or of a fake score that lags behind.
package struct DistillationFlow {
    /// How per-sample gradients are reduced.
    package enum Reduction: Sendable {
        /// The mean: the samples share parameters and estimate an expectation.
        case mean
        /// The sum: every sample has its own parameters.
        case sum
    }

    /// The loss that is minimised.
    package let loss: any DistillationLoss
    /// The generator that is trained; its output is x̂₀.
    package let generator: any DenoisingNetwork
    /// The teacher, the fake score and the noise schedule.
    package let networks: ScoreNetworks
    private let reduction: Reduction
    private let student: OneStepStudent

    /// A flow of `generator`. Makes its parameters trainable.
    package init(
        _ loss: any DistillationLoss, generator: any DenoisingNetwork, networks: ScoreNetworks,
        reduction: Reduction = .mean
    ) {
        (self.loss, self.generator, self.networks, self.reduction) = (loss, generator, networks, reduction)
        // The generator ignores the timestep.
        student = OneStepStudent(network: generator, step: .swiftBrush, predictionType: .sample)
        generator.parameters.unfreeze()
    }

    /// One step of plain gradient descent on a batch.
    ///
    /// - Parameters:
    ///   - samples: the batch and, for an expectation, the weight of each sample.
    ///   - stepSize: the learning rate.
    /// - Returns: x̂₀ before the step.
    @discardableResult
    package func step(_ samples: FlowSamples, stepSize: Double) throws -> Tensor {
        try step(samples, with: SGD(generator.parameters.all, learningRate: stepSize))
    }

    /// One step of an optimiser on the gradient over a batch. Returns x̂₀ before the step.
    @discardableResult
    package func step(_ samples: FlowSamples, with optimizer: any Optimizer) throws -> Tensor {
        let original = try pullBack(samples)
        try optimizer.step()
        generator.parameters.zeroGradients()
        return original
    }

    /// The gradient over a batch with respect to each of the generator's parameters, by its path.
    package func gradient(_ samples: FlowSamples) throws -> [String: Tensor] {
        try pullBack(samples)
        defer { generator.parameters.zeroGradients() }
        return generator.parameters.all.reduce(into: [:]) { $0[$1.path] = $1.gradient }
    }

    /// Evaluates the networks on the generator's output and accumulates the gradient in the generator's parameters.
    @discardableResult
    private func pullBack(_ samples: FlowSamples) throws -> Tensor {
        let output = try student.generate(from: Variable(samples.latents), given: samples.conditions)
        var batch = GeneratedBatch(
            original: output.value, noise: samples.noise, timesteps: samples.timesteps, condition: samples.conditions,
            nullCondition: samples.conditions.zeroed(), prompts: samples.timesteps.map { _ in 0 })
        batch.stream = samples.stream
        batch.setGuidance(for: loss)
        var gradient = try loss.checkedGradient(networks.evaluate(batch, needs: loss.needs)).value
        if let shares = samples.shares {
            gradient *= shares
        } else if reduction == .mean {
            gradient *= 1 / Float(gradient.count)
        }
        output.backward(from: gradient)
        return output.value
    }
}

extension GeneratedBatch {
    /// Sets what a loss with a guidance term of its own needs: timesteps that spread over its range as those of the batch do over theirs, and
    /// the batch's noise. Expectations are those of independent timesteps and noise, because g is a sum of both terms.
    mutating func setGuidance(for loss: any DistillationLoss) {
        guard let range = loss.guidanceTimesteps else { return }
        let timesteps = timesteps.map {
            range.lowerBound + ($0 - loss.timesteps.lowerBound) * range.count / loss.timesteps.count
        }
        guidance = .init(timesteps: timesteps, noise: noise)
    }
}

/// A batch of a ``DistillationFlow``.
package struct FlowSamples {
    /// z, `[batch, 1, 1, width]`.
    package let latents: Tensor
    /// ε, of the same shape.
    package let noise: Tensor
    /// t, one per sample.
    package let timesteps: [Int]
    /// The weight of each sample, `[batch, 1, 1, 1]`; nil for equal weights.
    package let shares: Tensor?
    /// The condition of generator and networks, `[batch, 1, 2]`: a value y and 1, or 0 and 0 for the empty prompt.
    package let conditions: TextCondition
    /// The random stream passed to the loss.
    package internal(set) var stream: RandomStream

    /// Random samples: z and ε standard normal, t uniform over `timesteps`, y = 0.
    ///
    /// - Parameters:
    ///   - count: the number of samples.
    ///   - timesteps: the range of t.
    ///   - isTimestepShared: whether all samples have the same t.
    ///   - width: elements per sample.
    ///   - stream: the random stream of z, ε and t, and of the seed of the loss's stream.
    package init(
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

    /// The expectation over z, ε and t, exact for anything that is at most cubic in z and in ε: three Gauss–Hermite nodes for
    /// each, and every timestep.
    package init(expectationOver timesteps: Range<Int>) {
        self.init(nodes: .gaussHermite, timesteps: Array(timesteps), conditionDeviation: nil, seed: 0)
    }

    /// The expectation over z, ε, t and, if `conditionDeviation` is given, over a normally distributed condition.
    ///
    /// - Parameters:
    ///   - nodes: the quadrature nodes for z, ε and the condition.
    ///   - timesteps: the values of t, with equal weights.
    ///   - conditionDeviation: the standard deviation of the condition; nil for y = 0.
    ///   - width: elements per sample; the nodes of all are combined.
    ///   - seed: the seed of the random stream passed to the loss.
    package init(
        nodes: QuadratureNodes, timesteps: [Int], conditionDeviation: Double?, width: Int = 1, seed: UInt64
    ) {
        let conditionNodes =
            conditionDeviation.map { deviation in nodes.all.map { ($0.position * deviation, $0.weight) } } ?? [(0, 1)]
        var (z, epsilon, share, y): ([Float], [Float], [Float], [Float]) = ([], [], [], [])
        var times: [Int] = []
        let combinations = nodes.combinations(2 * width)
        for timestep in timesteps {
            for combination in combinations {
                for (condition, weight) in conditionNodes {
                    z += combination.positions.prefix(width)
                    epsilon += combination.positions.suffix(width)
                    share.append(Float(combination.weight * weight / Double(timesteps.count)))
                    y.append(Float(condition))
                    times.append(timestep)
                }
            }
        }
        let shape = [times.count, 1, 1, width]
        (latents, noise) = (Tensor(z, shape: shape), Tensor(epsilon, shape: shape))
        (shares, self.timesteps) = (Tensor(perSample: share), times)
        conditions = Self.conditions(y)
        stream = RandomStream(seed: seed)
    }

    private static func conditions(_ y: [Float]) -> TextCondition {
        TextCondition(tokens: Tensor(y.flatMap { [$0, 1] }, shape: [y.count, 1, 2]))
    }
}

/// Quadrature nodes and weights for a standard normal distribution.
package struct QuadratureNodes: Sendable {
    /// Positions and weights; the weights sum to 1.
    package let all: [(position: Double, weight: Double)]

    /// Three nodes, exact for polynomials up to degree 5.
    package static let gaussHermite = QuadratureNodes(all: [
        (-3.0.squareRoot(), 1 / 6), (0, 2 / 3), (3.0.squareRoot(), 1 / 6),
    ])

    /// Equidistant nodes from −7 to 7. For smooth functions the error of the trapezoid rule falls faster than any power of
    /// the spacing.
    package static func even(spacing: Double) -> QuadratureNodes {
        let half = Int(7 / spacing)
        let points = (-half...half).map { Double($0) * spacing }
        let weights = points.map { exp(-$0 * $0 / 2) }
        let total = weights.reduce(0, +)
        return QuadratureNodes(all: zip(points, weights).map { ($0, $1 / total) })
    }

    /// Every combination of the nodes of `count` independent normal variables, with the product of their weights.
    func combinations(_ count: Int) -> [(positions: [Float], weight: Double)] {
        (0..<count).reduce([([], 1)]) { earlier, _ in
            earlier.flatMap { positions, weight in
                all.map { (positions + [Float($0.position)], weight * $0.weight) }
            }
        }
    }
}

extension DistillationFlow {
    /// One update of a trainable fake score, by plain gradient descent on SwiftBrush's loss.
    ///
    /// - Parameters:
    ///   - fakeScore: the fake score; its parameters are trainable during the update and frozen afterwards.
    ///   - original: x̂₀, as returned by ``step(_:stepSize:)``.
    ///   - stepSize: the learning rate.
    ///   - stream: the random stream of timesteps and noise.
    package func train(
        _ fakeScore: any DenoisingNetwork, on original: Tensor, stepSize: Double, using stream: inout RandomStream
    ) throws {
        let training = FakeScoreTraining()
        let batch = original.shape[0]
        let inputs = FakeScoreInputs(
            timesteps: stream.integers(batch, in: training.timesteps), noise: stream.normal(original.shape),
            dropsPrompts: Array(repeating: false, count: batch))
        fakeScore.parameters.unfreeze()
        let condition = TextCondition(tokens: .zeros([batch, 1, 2]))
        try training.loss(
            of: fakeScore, on: original, inputs, given: condition, nullCondition: condition, schedule: networks.schedule
        ).backward()
        let optimizer = try SGD(fakeScore.parameters.all, learningRate: stepSize)
        try optimizer.step()
        fakeScore.parameters.freeze()
    }
}

extension TextCondition {
    /// The closed forms' empty prompt, as often as there are conditions.
    func zeroed() -> TextCondition { TextCondition(tokens: .zeros(tokens.shape)) }
}
