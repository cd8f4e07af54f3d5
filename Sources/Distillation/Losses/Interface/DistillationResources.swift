import Autograd
import DiffusionModels
import Tensor

/// Components and data that a loss may need besides teacher and fake score. A run does not start without those its loss declares.
public struct DistillationResources {
    /// Distinguishes real images from the student's.
    public var discriminator: (any Discriminator)?
    /// Decodes latents to images.
    public var decoder: (any LatentDecoder)?
    /// Scores how well an image matches its prompt.
    public var reward: (any ImageTextReward)?
    /// Latents of real images.
    public var realLatents: RealLatents?
    /// Noise paired with the images that the teacher generates from it.
    public var pairs: TeacherPairs?

    /// No resources.
    public init() {}

    /// The names of the resources that `needs` declares and that are missing.
    func missing(from needs: LossNeeds) -> [String] {
        let parts: [(LossNeeds, Bool, String)] = [
            (.discriminator, discriminator != nil, "discriminator"), (.decoder, decoder != nil, "decoder"),
            (.reward, reward != nil, "reward"), (.realLatents, realLatents != nil, "realLatents"),
            (.pairs, pairs != nil, "pairs"),
        ]
        return parts.filter { needs.contains($0.0) && !$0.1 }.map(\.2)
    }
}

/// A differentiable score of how well an image matches its prompt, such as the cosine of CLIP's embeddings.
public protocol ImageTextReward: Sendable {
    /// The reward of each image, `[batch]`; gradients flow into the images.
    ///
    /// - Parameters:
    ///   - pictures: nominally in −1…1, `[batch, height, width, 3]`.
    ///   - prompts: indices of the training prompts, one per image.
    func scores(of pictures: Variable, for prompts: [Int]) -> Variable
    /// The reward's weights, by which a resumed run recognises it; nil if it has none.
    var weights: ParameterSet? { get }
}

extension ImageTextReward {
    /// No weights.
    public var weights: ParameterSet? { nil }
}

/// Distinguishes noised real images from the student's noised images.
public protocol Discriminator: Sendable {
    /// The parameters that are trained together with the fake score; frozen outside that update.
    var parameters: ParameterSet { get }
    /// log p(real)/p(student's) of each sample, `[batch, 1, 1, 1]`; gradients flow into x_t.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one per sample.
    ///   - condition: the prompts' embeddings, `[batch, tokens, width]`.
    func logits(of noisy: Variable, at timesteps: [Int], given condition: TextCondition) -> Variable
}

extension Discriminator {
    /// ``logits(of:at:given:)``. Throws ``DistillationError`` for another shape than `[batch, 1, 1, 1]`.
    func checkedLogits(of noisy: Variable, at timesteps: [Int], given condition: TextCondition) throws -> Variable {
        let logits = logits(of: noisy, at: timesteps, given: condition)
        try DistillationError.check(logits, shape: [noisy.shape[0], 1, 1, 1], of: "\(Self.self).logits")
        return logits
    }
}

/// Latents of real images, each with its prompt.
public struct RealLatents: Sendable {
    /// The latents, `[count, height, width, channels]`, scaled as the network expects them.
    public let latents: Tensor
    /// Indices of the training prompts, one per image.
    public let prompts: [Int]

    /// Latents with one prompt each.
    ///
    /// Throws ``DistillationError`` for latents of another shape, of another number than the prompts, or that are not finite.
    public init(latents: Tensor, prompts: [Int]) throws {
        try DistillationError.check(samples: latents, count: prompts.count, "RealLatents.latents")
        (self.latents, self.prompts) = (latents, prompts)
    }
}
