import Autograd
import DiffusionModels
import Tensor

/// How the fake score learns the student's pictures: mean of w(t) (ε_F − ε)² over noised pictures.
public struct FakeScoreTraining: Codable, Sendable, Equatable {
    /// w; SwiftBrush's code weights by α_t².
    public var weight = TimestepWeight.signal
    /// The timesteps at which it learns.
    public var timesteps = 0..<1000
    /// How often a whole batch learns with the empty prompt instead of its own.
    public var nullPromptRate = 0.1
    /// Updates for every one of the student, each with new noise and timesteps over the same pictures.
    public var stepsPerStudentStep = 1

    /// SwiftBrush's settings.
    public init() {}

    /// The loss of a batch, a scalar.
    ///
    /// - Parameters:
    ///   - network: the fake score's, in the schedule's prediction type.
    ///   - original: x̂₀, `[batch, height, width, channels]`.
    ///   - draw: noise and timesteps.
    ///   - condition: the text embeddings, `[batch, tokens, width]`.
    ///   - schedule: the teacher's.
    public func loss(
        of network: any NoisePredictor, on original: Tensor, _ draw: FakeScoreDraw, given condition: Tensor,
        schedule: NoiseSchedule
    ) -> Variable {
        let noisy = Variable(schedule.noisy(original, noise: draw.noise, timesteps: draw.timesteps))
        let output = network.predict(noisy, at: draw.timesteps.map(Double.init), given: condition)
        let epsilon = schedule.convert(output, to: .epsilon, noisy: noisy, timesteps: draw.timesteps)
        let roots = draw.timesteps.map { Float(weight($0, in: schedule).squareRoot()) }
        let scale = Variable(Tensor(roots, shape: [roots.count, 1, 1, 1]))
        return ((epsilon - Variable(draw.noise)) * scale).squared().mean()
    }
}
