import DiffusionModels
import Tensor

/// The text embeddings of the training prompts and of the empty prompt.
public struct PromptConditions: Sendable {
    /// The number of prompts.
    public let count: Int
    /// The empty prompt's embedding, `[1, tokens, width]`.
    public let null: Tensor
    /// The prompts' texts, if known.
    let texts: [String]?
    private let embeddings: Tensor
    /// The row of each prompt in the embeddings.
    private let rows: [Int]

    /// The given embeddings.
    ///
    /// - Parameters:
    ///   - embeddings: `[prompts, tokens, width]`.
    ///   - null: `[1, tokens, width]`.
    public init(embeddings: Tensor, null: Tensor) {
        precondition(
            embeddings.rank == 3 && embeddings.shape[0] > 0 && null.shape == [1] + embeddings.shape.dropFirst(),
            "PromptConditions: expected [prompts, tokens, width] and [1, tokens, width], found \(embeddings.shape) and "
                + "\(null.shape)")
        self.init(embeddings: embeddings, rows: Array(0..<embeddings.shape[0]), null: null, texts: nil)
    }

    /// The embeddings of `prompts`, which are not copied: they stay in memory, or in the file from which they are mapped.
    ///
    /// Throws `ModelError` when one of the prompts, or the empty prompt, is not embedded.
    public init(_ prompts: [String], in embeddings: PromptEmbeddings) throws {
        self.init(
            embeddings: embeddings.values, rows: try embeddings.rows(of: prompts),
            null: try embeddings.values(for: [""]), texts: prompts)
    }

    private init(embeddings: Tensor, rows: [Int], null: Tensor, texts: [String]?) {
        (count, self.embeddings, self.rows, self.null, self.texts) = (rows.count, embeddings, rows, null, texts)
    }

    /// The embeddings of the prompts with these indices, `[indices, tokens, width]`.
    public func conditions(_ indices: [Int]) -> Tensor { embeddings.gathered(rows: indices.map { rows[$0] }) }

    /// The empty prompt's embedding, and those of at most a thousand prompts evenly spread over the set.
    var sample: [Tensor] {
        let size = min(count, 1000)
        return [null, conditions((0..<size).map { $0 * count / size })]
    }

    /// The embeddings of the prompts with these indices, with the empty prompt's in place of those that are dropped.
    func conditions(_ indices: [Int], dropping drops: [Bool]) -> Tensor {
        let own = conditions(indices)
        guard drops.contains(true) else { return own }
        let dropped = Tensor(drops.map { $0 ? 1 : 0 }, shape: [drops.count, 1, 1])
        return drops.contains(false) ? own * (1 - dropped) + null * dropped : nulls(drops.count)
    }

    /// The empty prompt's embedding, repeated `batch` times.
    public func nulls(_ batch: Int) -> Tensor { null.broadcast(to: [batch, null.shape[1], null.shape[2]]) }
}
