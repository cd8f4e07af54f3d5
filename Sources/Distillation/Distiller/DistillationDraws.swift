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
    /// Which of the pairs or real latents, one a sample, for losses that need them in the student's turn.
    public var data: [Int] = []
    /// The loss's own stream.
    public var stream = RandomStream(seed: 0)

    /// Draws of these parts.
    public init(prompts: [Int], latents: Tensor, timesteps: [Int], noise: Tensor, fakeScore: [FakeScoreDraw]) {
        (self.prompts, self.latents, self.timesteps) = (prompts, latents, timesteps)
        (self.noise, self.fakeScore) = (noise, fakeScore)
    }
}

/// All that is random in one turn of the fake score.
public struct FakeScoreDraw: Sendable {
    /// What the student draws for this turn.
    public struct Pictures: Sendable {
        /// Which prompts, one a sample.
        public var prompts: [Int]
        /// z, `[batch, height, width, channels]`.
        public var latents: Tensor
    }

    /// What the discriminator sees of real pictures.
    public struct Real: Sendable {
        /// Which of the real latents, one a sample.
        public var indices: [Int]
        /// ε, `[batch, height, width, channels]`.
        public var noise: Tensor
    }

    /// t, one a sample.
    public var timesteps: [Int]
    /// ε, `[batch, height, width, channels]`.
    public var noise: Tensor
    /// Which samples are learnt with the empty prompt, one a sample.
    public var dropsPrompts: [Bool]
    /// New pictures; nil to learn those of the student's turn.
    public var pictures: Pictures?
    /// Real pictures; nil without a discriminator.
    public var real: Real?

    /// A draw of these parts.
    public init(timesteps: [Int], noise: Tensor, dropsPrompts: [Bool]) {
        (self.timesteps, self.noise, self.dropsPrompts) = (timesteps, noise, dropsPrompts)
    }
}

/// What the draws of a step depend on.
struct DrawPlan {
    let promptCount: Int
    let latentShape: [Int]
    let batch: Int
    let timesteps: Range<Int>
    let training: FakeScoreTraining
    let fakeScoreTurns: Int
    /// Pairs or real latents for the student's turn, 0 for none.
    let dataCount: Int
    /// Real latents for the discriminator, 0 for none.
    let realCount: Int
}

/// The random streams of a run, one a purpose, so that a setting that changes one leaves the others as they were.
struct DistillationStreams: Codable, Equatable {
    private var latents: RandomStream
    private var judging: RandomStream
    private var fakeScore: RandomStream
    private var data: RandomStream
    private var newPictures: RandomStream
    private var loss: RandomStream
    /// The stream of the prompts' order, as it stood before the current epoch's was drawn.
    private var epoch: RandomStream
    private var position = 0

    init(seed: UInt64) {
        let root = RandomStream(seed: seed)
        epoch = root.split("prompts")
        (latents, judging) = (root.split("latents"), root.split("judging"))
        (fakeScore, newPictures) = (root.split("fake-score"), root.split("new-pictures"))
        (data, loss) = (root.split("data"), root.split("loss"))
    }

    /// The next step's draws.
    mutating func draw(_ plan: DrawPlan) -> DistillationDraws {
        let shape = [plan.batch] + plan.latentShape
        var draws = DistillationDraws(
            prompts: nextPrompts(plan.batch, of: plan.promptCount), latents: latents.normal(shape),
            timesteps: judging.integers(plan.batch, in: plan.timesteps), noise: judging.normal(shape),
            fakeScore: (0..<plan.fakeScoreTurns).map { _ in drawTurn(plan, shape) })
        if plan.dataCount > 0 { draws.data = data.integers(plan.batch, in: 0..<plan.dataCount) }
        draws.stream = RandomStream(seed: UInt64(loss.integer(in: 0..<1 << 31)))
        return draws
    }

    private mutating func drawTurn(_ plan: DrawPlan, _ shape: [Int]) -> FakeScoreDraw {
        let (batch, rate) = (plan.batch, plan.training.nullPromptRate)
        let (timesteps, noise) = (fakeScore.integers(batch, in: plan.training.timesteps), fakeScore.normal(shape))
        let draws = (0..<(plan.training.dropsPromptsOneByOne ? batch : 1)).map { _ in Double(fakeScore.unit()) < rate }
        var draw = FakeScoreDraw(
            timesteps: timesteps, noise: noise,
            dropsPrompts: draws.count == batch ? draws : Array(repeating: draws[0], count: batch))
        if plan.training.drawsNewPictures {
            draw.pictures = .init(
                prompts: newPictures.integers(batch, in: 0..<plan.promptCount), latents: newPictures.normal(shape))
        }
        if plan.realCount > 0 {
            draw.real = .init(indices: data.integers(batch, in: 0..<plan.realCount), noise: data.normal(shape))
        }
        return draw
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
