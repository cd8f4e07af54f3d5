import DiffusionModels
import Tensor

/// What the networks are told: a text embedding for each prompt of the training set, and for none.
public struct PromptConditions: Sendable {
    /// How many prompts.
    public let count: Int
    /// The empty prompt's embedding, `[1, tokens, width]`.
    public let null: Tensor
    private let embeddings: Tensor

    /// - Parameters:
    ///   - embeddings: `[prompts, tokens, width]`.
    ///   - null: `[1, tokens, width]`.
    public init(embeddings: Tensor, null: Tensor) {
        precondition(
            embeddings.rank == 3 && embeddings.shape[0] > 0 && null.shape == [1] + embeddings.shape.dropFirst(),
            "PromptConditions: expected [prompts, tokens, width] and [1, tokens, width], found \(embeddings.shape) and "
                + "\(null.shape)")
        (count, self.embeddings, self.null) = (embeddings.shape[0], embeddings, null)
    }

    /// The embeddings of `prompts`, computed once: `prompts.count · tokens · width` numbers are kept.
    public init(_ prompts: [String], model: TextToImageModel) {
        let chunk = 64
        let parts = stride(from: 0, to: prompts.count, by: chunk).map {
            model.embeddings(for: Array(prompts[$0..<min($0 + chunk, prompts.count)]))
        }
        self.init(embeddings: .concatenate(parts, axis: 0), null: model.embeddings(for: [""]))
    }

    /// The embeddings of some prompts, `[indices, tokens, width]`.
    public func conditions(_ indices: [Int]) -> Tensor {
        let (tokens, width) = (embeddings.shape[1], embeddings.shape[2])
        return embeddings.reshaped(to: [count, tokens * width]).gathered(rows: indices)
            .reshaped(to: [indices.count, tokens, width])
    }

    /// The empty prompt's embedding, `batch` times.
    public func nulls(_ batch: Int) -> Tensor { null.broadcast(to: [batch, null.shape[1], null.shape[2]]) }
}
