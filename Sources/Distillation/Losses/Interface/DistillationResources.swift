import Autograd
import DiffusionModels
import Tensor

/// What a loss may need besides teacher and fake score. A run refuses to begin without what its loss declares.
public struct DistillationResources {
    /// Tells real pictures from the student's.
    public var discriminator: (any Discriminator)?
    /// Makes pictures of latents.
    public var decoder: (any LatentDecoder)?
    /// Says how well a picture fits its prompt.
    public var reward: (any ImageTextReward)?
    /// Latents of real pictures.
    public var realLatents: RealLatents?
    /// Noise with the pictures that the teacher makes of it.
    public var pairs: TeacherPairs?

    /// Nothing.
    public init() {}

    /// What `needs` names and is not here.
    func missing(from needs: LossNeeds) -> [String] {
        let parts: [(LossNeeds, Bool, String)] = [
            (.discriminator, discriminator != nil, "discriminator"), (.decoder, decoder != nil, "decoder"),
            (.reward, reward != nil, "reward"), (.realLatents, realLatents != nil, "realLatents"),
            (.pairs, pairs != nil, "pairs"),
        ]
        return parts.filter { needs.contains($0.0) && !$0.1 }.map(\.2)
    }
}

/// A differentiable measure of how well a picture fits its prompt, such as the cosine of CLIP's embeddings.
public protocol ImageTextReward {
    /// The measure of each picture, `[batch]`; gradients flow into the pictures.
    ///
    /// - Parameters:
    ///   - pictures: nominally in −1…1, `[batch, height, width, 3]`.
    ///   - prompts: which of the training set's prompts, one a picture.
    func scores(of pictures: Variable, for prompts: [Int]) -> Variable
    /// Its weights, by which a resumed run recognises it; nil unless it has any.
    var weights: ParameterSet? { get }
}

extension ImageTextReward {
    /// None.
    public var weights: ParameterSet? { nil }
}

/// Tells noised real pictures from noised pictures of the student.
public protocol Discriminator {
    /// What is trained of it, together with the fake score. Frozen except then.
    var parameters: ParameterSet { get }
    /// log p(real)/p(student's) of each sample, `[batch, 1, 1, 1]`; gradients flow into x_t.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one a sample.
    ///   - condition: the prompts' embeddings, `[batch, tokens, width]`.
    func logits(of noisy: Variable, at timesteps: [Int], given condition: Tensor) -> Variable
}

/// Latents of real pictures, each with its prompt.
public struct RealLatents: Sendable {
    /// `[count, height, width, channels]`, scaled as the network's.
    public let latents: Tensor
    /// Which of the training set's prompts, one a picture.
    public let prompts: [Int]

    /// Latents of these parts, one prompt each.
    public init(latents: Tensor, prompts: [Int]) {
        precondition(
            latents.rank == 4 && latents.shape[0] == prompts.count && !prompts.isEmpty,
            "RealLatents: expected [\(prompts.count), height, width, channels], found \(latents.shape)")
        (self.latents, self.prompts) = (latents, prompts)
    }
}
