import Tensor

/// All that is random in one step. The distiller draws it from its own streams; tests give it.
public struct DistillationDraws: Sendable {
    /// Which prompts, one a sample.
    public var prompts: [Int]
    /// z, the student's input, `[batch, height, width, channels]`.
    public var latents: Tensor
    /// t, at which the pictures are judged, one a sample.
    public var timesteps: [Int]
    /// ε, with which they are noised to be judged.
    public var noise: Tensor
    /// The fake score's turns.
    public var fakeScore: [FakeScoreDraw]

    /// Draws of these parts.
    public init(prompts: [Int], latents: Tensor, timesteps: [Int], noise: Tensor, fakeScore: [FakeScoreDraw]) {
        (self.prompts, self.latents, self.timesteps) = (prompts, latents, timesteps)
        (self.noise, self.fakeScore) = (noise, fakeScore)
    }
}

/// All that is random in one turn of the fake score.
public struct FakeScoreDraw: Sendable {
    /// t, one a sample.
    public var timesteps: [Int]
    /// ε, `[batch, height, width, channels]`.
    public var noise: Tensor
    /// Whether the batch learns with the empty prompt.
    public var dropsPrompts: Bool

    /// A draw of these parts.
    public init(timesteps: [Int], noise: Tensor, dropsPrompts: Bool) {
        (self.timesteps, self.noise, self.dropsPrompts) = (timesteps, noise, dropsPrompts)
    }
}

/// The random streams of a run, one a purpose, so that a setting that changes one leaves the others as they were.
struct DistillationStreams: Codable, Equatable {
    private var latents: RandomStream
    private var judging: RandomStream
    private var fakeScore: RandomStream
    /// The stream of the prompts' order, as it stood before the current epoch's was drawn.
    private var epoch: RandomStream
    private var position = 0

    init(seed: UInt64) {
        let root = RandomStream(seed: seed)
        epoch = root.split("prompts")
        (latents, judging) = (root.split("latents"), root.split("judging"))
        fakeScore = root.split("fake-score")
    }

    /// The next step's draws.
    mutating func draw(
        promptCount: Int, latentShape: [Int], judgedAt timesteps: Range<Int>, training: FakeScoreTraining, batch: Int
    ) -> DistillationDraws {
        let shape = [batch] + latentShape
        return DistillationDraws(
            prompts: nextPrompts(batch, of: promptCount), latents: latents.normal(shape),
            timesteps: judging.integers(batch, in: timesteps), noise: judging.normal(shape),
            fakeScore: (0..<training.stepsPerStudentStep).map { _ in
                FakeScoreDraw(
                    timesteps: fakeScore.integers(batch, in: training.timesteps), noise: fakeScore.normal(shape),
                    dropsPrompts: Double(fakeScore.unit()) < training.nullPromptRate)
            })
    }

    /// Every prompt once an epoch, in a new order each time.
    private mutating func nextPrompts(_ batch: Int, of count: Int) -> [Int] {
        var order = epoch
        var current = order.permutation(count)
        return (0..<batch).map { _ in
            if position == count {
                epoch = order
                current = order.permutation(count)
                position = 0
            }
            defer { position += 1 }
            return current[position]
        }
    }
}
