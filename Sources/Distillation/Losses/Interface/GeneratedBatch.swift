import DiffusionModels
import Tensor

/// A batch that the student generated, with the noise, timesteps and conditions under which the networks are evaluated on it.
public struct GeneratedBatch {
    /// x̂₀, the student's output, `[batch, height, width, channels]`.
    public var original: Tensor
    /// ε, of the same shape.
    public var noise: Tensor
    /// t, one per sample.
    public var timesteps: [Int]
    /// The prompts' text conditions, one per sample.
    public var condition: TextCondition
    /// The empty prompt's condition, one for all samples or one per sample.
    public var nullCondition: TextCondition
    /// Indices of the prompts, one per sample.
    public var prompts: [Int]
    /// x_t, if it is noised data instead of α_t x̂₀ + σ_t ε; see ``LossNeeds/noisedData``.
    public var noisedData: Tensor?
    /// The timesteps and noise of ``LossInput/guidance``; see ``DistillationLoss/guidanceTimesteps``.
    public var guidance: Renoising?
    /// The pairs' images; see ``LossNeeds/pairs``.
    public var targets: Tensor?
    /// The number of steps taken before this one.
    public var step = 0
    /// The index of the student's step that generated the batch, from 0; see ``DistillationConfiguration/studentStepCount``.
    public var studentStep = 0
    /// A random stream for the loss, different at every step.
    public var stream = RandomStream(seed: 0)
    /// The ``LossGradient/memory`` that the loss returned at the previous step; empty at the first.
    public var memory: [String: Tensor] = [:]

    /// Timesteps and noise with which a batch is noised once more.
    public struct Renoising: Sendable {
        /// One per sample.
        public var timesteps: [Int]
        /// ε, `[batch, height, width, channels]`.
        public var noise: Tensor

        /// Timesteps, one per sample, and noise of the samples' shape.
        public init(timesteps: [Int], noise: Tensor) { (self.timesteps, self.noise) = (timesteps, noise) }

        /// Those of some samples of the batch.
        func samples(_ rows: Range<Int>) -> Renoising {
            Renoising(timesteps: Array(timesteps[rows]), noise: noise.sliced(axis: 0, rows))
        }
    }

    /// A batch; the remaining properties are set afterwards.
    public init(
        original: Tensor, noise: Tensor, timesteps: [Int], condition: TextCondition, nullCondition: TextCondition,
        prompts: [Int] = []
    ) {
        (self.original, self.noise, self.timesteps) = (original, noise, timesteps)
        (self.condition, self.nullCondition, self.prompts) = (condition, nullCondition, prompts)
    }
}
