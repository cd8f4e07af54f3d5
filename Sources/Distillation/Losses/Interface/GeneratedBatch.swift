import Tensor

/// A batch that the student generated, with the noise, timesteps and conditions under which the networks are evaluated on it.
public struct GeneratedBatch: Sendable {
    /// x̂₀, the student's output, `[batch, height, width, channels]`.
    public var original: Tensor
    /// ε, of the same shape.
    public var noise: Tensor
    /// t, one per sample.
    public var timesteps: [Int]
    /// The prompts' embeddings, `[batch, tokens, width]`.
    public var condition: Tensor
    /// The empty prompt's embedding, `[1, tokens, width]` or one per sample.
    public var nullCondition: Tensor
    /// Indices of the prompts, one per sample.
    public var prompts: [Int]
    /// x_t where it is not α_t x̂₀ + σ_t ε but noised data; see ``LossNeeds/noisedData``.
    public var noisedData: Tensor?
    /// The pairs' images; see ``LossNeeds/pairs``.
    public var targets: Tensor?
    /// Steps that the run has taken before.
    public var step = 0
    /// A random stream for the loss, another at every step.
    public var stream = RandomStream(seed: 0)
    /// What the loss returned as ``LossGradient/memory`` at the step before; empty at the first.
    public var memory: [String: Tensor] = [:]

    /// A batch; the remaining properties are set afterwards.
    public init(
        original: Tensor, noise: Tensor, timesteps: [Int], condition: Tensor, nullCondition: Tensor,
        prompts: [Int] = []
    ) {
        (self.original, self.noise, self.timesteps) = (original, noise, timesteps)
        (self.condition, self.nullCondition, self.prompts) = (condition, nullCondition, prompts)
    }
}
