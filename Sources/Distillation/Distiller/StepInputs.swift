import DiffusionModels
import Tensor

/// All random inputs of one step. The distiller samples them from the run's streams; tests pass their own.
package struct StepInputs: Sendable {
    /// Indices of the prompts, one per sample.
    package var prompts: [Int]
    /// z, the student's input, `[batch, height, width, channels]`.
    package var latents: Tensor
    /// t, at which teacher and fake score are evaluated, one per sample.
    package var timesteps: [Int]
    /// ε, with which the generated batch is noised for them.
    package var noise: Tensor
    /// The inputs of each update of the fake score.
    package var fakeScore: [FakeScoreInputs]
    /// Indices of pairs or real latents, one per sample, for losses that need them in the student's update.
    package var data: [Int] = []
    /// The student's step that is trained; nil for a student of one step.
    package var rollout: StudentRollout?
    /// With which the generated batch is noised once more for a loss with a guidance term of its own.
    package var guidance: GeneratedBatch.Renoising?
    /// The loss's own stream.
    package var stream = RandomStream(seed: 0)

    /// Inputs of a step.
    package init(prompts: [Int], latents: Tensor, timesteps: [Int], noise: Tensor, fakeScore: [FakeScoreInputs]) {
        (self.prompts, self.latents, self.timesteps) = (prompts, latents, timesteps)
        (self.noise, self.fakeScore) = (noise, fakeScore)
    }

    /// The inputs of the student's update of some samples of the batch.
    func samples(_ rows: Range<Int>) -> StepInputs {
        if rows == timesteps.indices { return self }
        var part = self
        (part.prompts, part.timesteps) = (Array(prompts[rows]), Array(timesteps[rows]))
        (part.latents, part.noise) = (latents.sliced(axis: 0, rows), noise.sliced(axis: 0, rows))
        if !data.isEmpty { part.data = Array(data[rows]) }
        (part.guidance, part.rollout) = (guidance?.samples(rows), rollout?.samples(rows))
        return part
    }
}

/// All random inputs of one update of the fake score.
public struct FakeScoreInputs: Sendable {
    /// What the student generates for this update.
    package struct NewSamples: Sendable {
        /// Indices of the prompts, one per sample.
        package var prompts: [Int]
        /// z, `[batch, height, width, channels]`.
        package var latents: Tensor
        /// The student's step that generates them; nil for a student of one step.
        package var rollout: StudentRollout?
    }

    /// The discriminator's batch of real images.
    package struct Real: Sendable {
        /// Indices of the real latents, one per sample.
        package var indices: [Int]
        /// ε, `[batch, height, width, channels]`.
        package var noise: Tensor
    }

    /// t, one per sample.
    package var timesteps: [Int]
    /// ε, `[batch, height, width, channels]`.
    package var noise: Tensor
    /// Which samples are trained on with the empty prompt, one per sample.
    package var dropsPrompts: [Bool]
    /// New samples to train on; nil for those of the student's update.
    package var newSamples: NewSamples?
    /// Real images; nil without a discriminator.
    package var real: Real?

    /// Inputs of an update.
    package init(timesteps: [Int], noise: Tensor, dropsPrompts: [Bool]) {
        (self.timesteps, self.noise, self.dropsPrompts) = (timesteps, noise, dropsPrompts)
    }

    /// The inputs of some samples of the batch.
    func samples(_ rows: Range<Int>) -> FakeScoreInputs {
        if rows == timesteps.indices { return self }
        var part = FakeScoreInputs(
            timesteps: Array(timesteps[rows]), noise: noise.sliced(axis: 0, rows),
            dropsPrompts: Array(dropsPrompts[rows]))
        part.newSamples = newSamples.map {
            NewSamples(
                prompts: Array($0.prompts[rows]), latents: $0.latents.sliced(axis: 0, rows),
                rollout: $0.rollout?.samples(rows))
        }
        part.real = real.map { Real(indices: Array($0.indices[rows]), noise: $0.noise.sliced(axis: 0, rows)) }
        return part
    }
}

/// The sizes and settings that a step's random inputs depend on.
struct StepPlan {
    let promptCount: Int
    let latentShape: [Int]
    let batch: Int
    let timesteps: Range<Int>
    /// Of the loss's guidance term; nil without one.
    var guidanceTimesteps: Range<Int>?
    let training: FakeScoreTraining
    let fakeScoreUpdates: Int
    /// Pairs or real latents for the student's update, 0 for none.
    let dataCount: Int
    /// Real latents for the discriminator, 0 for none.
    let realCount: Int
    /// The student's steps.
    var studentSteps = OneStepConfiguration.swiftBrush
    /// Whether timesteps are sampled in the segment of the student's step that is trained.
    var matchesSegments = false

    /// A random rollout; nil for a student of one step.
    func rollout(_ shape: [Int], from stream: RandomStream) -> StudentRollout? {
        if studentSteps.laterSteps.isEmpty { return nil }
        var stream = stream
        return StudentRollout(steps: studentSteps.steps.count, shape, using: &stream)
    }

    /// The range of the timesteps at which a rollout's output is evaluated.
    func timesteps(_ range: Range<Int>, after rollout: StudentRollout?) -> Range<Int> {
        guard matchesSegments, let rollout else { return range }
        return studentSteps.segment(of: rollout.step, within: range)
    }
}

/// The random streams of a run, one per purpose, so that a setting that changes one leaves the others as they were.
struct DistillationStreams: Codable, Equatable {
    private var latents: RandomStream
    private var evaluation: RandomStream
    private var fakeScore: RandomStream
    private var data: RandomStream
    private var newSamples: RandomStream
    private var loss: RandomStream
    /// The stream of the prompts' order, as it was before the current epoch's permutation.
    private var epoch: RandomStream
    private var position = 0
    /// The current epoch's permutation and the stream after it; recomputed after a restore.
    private var order: (prompts: [Int], next: RandomStream)?

    // The names under which checkpoints keep the streams, and the seeds are split.
    private enum CodingKeys: String, CodingKey {
        case latents, fakeScore, data, loss, epoch, position
        case evaluation = "judging"
        case newSamples = "newPictures"
    }

    init(seed: UInt64) {
        let root = RandomStream(seed: seed)
        epoch = root.split("prompts")
        (latents, evaluation) = (root.split("latents"), root.split("judging"))
        (fakeScore, newSamples) = (root.split("fake-score"), root.split("new-pictures"))
        (data, loss) = (root.split("data"), root.split("loss"))
    }

    static func == (left: DistillationStreams, right: DistillationStreams) -> Bool {
        left.latents == right.latents && left.evaluation == right.evaluation && left.fakeScore == right.fakeScore
            && left.data == right.data && left.newSamples == right.newSamples && left.loss == right.loss
            && left.epoch == right.epoch && left.position == right.position
    }

    /// Whether the streams can be those of a run with this number of prompts.
    func fits(promptCount: Int) -> Bool { (0...promptCount).contains(position) }

    /// The next step's inputs.
    mutating func next(_ plan: StepPlan) -> StepInputs {
        let shape = [plan.batch] + plan.latentShape
        let own = RandomStream(seed: UInt64(loss.integer(in: 0..<1 << 31)))
        // Streams of this step's own: checkpoints of earlier versions have none for these purposes.
        let rollout = plan.rollout(shape, from: own.split("rollout"))
        let range = plan.timesteps(plan.timesteps, after: rollout)
        var inputs = StepInputs(
            prompts: nextPrompts(plan.batch, of: plan.promptCount), latents: latents.normal(shape),
            timesteps: evaluation.integers(plan.batch, in: range), noise: evaluation.normal(shape),
            fakeScore: (0..<plan.fakeScoreUpdates).map { number in
                let new = plan.training.usesNewSamples
                return nextFakeScoreInputs(
                    plan, shape, new ? plan.rollout(shape, from: own.split("rollout \(number)")) : rollout)
            })
        if plan.dataCount > 0 { inputs.data = data.integers(plan.batch, in: 0..<plan.dataCount) }
        (inputs.stream, inputs.rollout) = (own, rollout)
        if let range = plan.guidanceTimesteps {
            var stream = inputs.stream.split("guidance")
            inputs.guidance = .init(timesteps: stream.integers(plan.batch, in: range), noise: stream.normal(shape))
        }
        return inputs
    }

    private mutating func nextFakeScoreInputs(
        _ plan: StepPlan, _ shape: [Int], _ rollout: StudentRollout?
    ) -> FakeScoreInputs {
        let (batch, rate) = (plan.batch, plan.training.nullPromptRate)
        let range = plan.timesteps(plan.training.timesteps, after: rollout)
        let (timesteps, noise) = (fakeScore.integers(batch, in: range), fakeScore.normal(shape))
        let drops = (0..<(plan.training.dropsPromptsPerSample ? batch : 1)).map { _ in Double(fakeScore.unit()) < rate }
        var inputs = FakeScoreInputs(
            timesteps: timesteps, noise: noise,
            dropsPrompts: drops.count == batch ? drops : Array(repeating: drops[0], count: batch))
        if plan.training.usesNewSamples {
            inputs.newSamples = .init(
                prompts: newSamples.integers(batch, in: 0..<plan.promptCount), latents: newSamples.normal(shape),
                rollout: rollout)
        }
        if plan.realCount > 0 {
            inputs.real = .init(indices: data.integers(batch, in: 0..<plan.realCount), noise: data.normal(shape))
        }
        return inputs
    }

    /// Every prompt once per epoch, in a new order each time.
    private mutating func nextPrompts(_ batch: Int, of count: Int) -> [Int] {
        (0..<batch).map { _ in
            var current = order ?? permuted(count)
            if position == count {
                epoch = current.next
                current = permuted(count)
                position = 0
            }
            order = current
            defer { position += 1 }
            return current.prompts[position]
        }
    }

    private func permuted(_ count: Int) -> (prompts: [Int], next: RandomStream) {
        var stream = epoch
        let prompts = stream.permutation(count)
        return (prompts, stream)
    }
}
