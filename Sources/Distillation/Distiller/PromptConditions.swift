import DiffusionModels
import Tensor

/// The text conditions of the training prompts and of the empty prompt.
public struct PromptConditions: Sendable {
    /// The number of prompts.
    public let count: Int
    /// The empty prompt's condition, a single one.
    public let null: TextCondition
    /// The prompts' texts, if known.
    let texts: [String]?
    private let all: TextCondition
    /// The row of each prompt in `all`.
    private let rows: [Int]

    /// The given conditions.
    ///
    /// - Parameters:
    ///   - conditions: one per prompt.
    ///   - null: the empty prompt's, of the same shapes.
    ///
    /// Throws ``DistillationError`` for no conditions, and for shapes that do not fit.
    public init(_ conditions: TextCondition, null: TextCondition) throws {
        guard conditions.tokens.value.count > 0, null.tokens.shape == [1] + conditions.tokens.shape.dropFirst(),
            null.pooled?.shape == conditions.pooled.map({ [1] + $0.shape.dropFirst() })
        else {
            func shapes(_ condition: TextCondition) -> String {
                "\(condition.tokens.shape)" + (condition.pooled.map { " with pooled \($0.shape)" } ?? "")
            }
            throw DistillationError.unsuitableShape(
                of: "PromptConditions", expected: "conditions [prompts, tokens, width] and null [1, tokens, width]",
                found: "\(shapes(conditions)) and \(shapes(null))")
        }
        self.init(conditions, rows: Array(0..<conditions.count), null: null, texts: nil)
    }

    /// The conditions of `prompts`, which are not copied: they stay in memory, or in the file from which they are mapped.
    ///
    /// Throws `ModelError` when one of the prompts, or the empty prompt, is not embedded.
    public init(_ prompts: [String], in embeddings: PromptEmbeddings) throws {
        self.init(
            embeddings.condition, rows: try embeddings.rows(of: prompts),
            null: try embeddings.condition(for: [""]), texts: prompts)
    }

    private init(_ conditions: TextCondition, rows: [Int], null: TextCondition, texts: [String]?) {
        (count, all, self.rows, self.null, self.texts) = (rows.count, conditions, rows, null, texts)
    }

    /// The conditions of the prompts with these indices.
    public func conditions(_ indices: [Int]) -> TextCondition { all.gathered(rows: indices.map { rows[$0] }) }

    /// The empty prompt's embeddings, and those of at most a thousand prompts evenly spread over the set.
    var sample: [Tensor] {
        let size = min(count, 1000)
        let sampled = [null, conditions((0..<size).map { $0 * count / size })]
        return sampled.map(\.tokens.value) + sampled.compactMap { $0.pooled?.value }
    }

    /// The conditions of the prompts with these indices, with the empty prompt's in place of those that are dropped.
    func conditions(_ indices: [Int], dropping drops: [Bool]) -> TextCondition {
        guard drops.contains(true) else { return conditions(indices) }
        let both = TextCondition.concatenate([conditions(indices), null])
        return both.gathered(rows: drops.enumerated().map { $1 ? indices.count : $0 })
    }

    /// The empty prompt's condition, repeated `batch` times.
    public func nulls(_ batch: Int) -> TextCondition { null.broadcast(to: batch) }
}
