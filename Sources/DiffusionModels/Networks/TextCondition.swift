import Autograd
import Tensor

/// What a denoising network reads of the prompts of a batch. Gradients flow through it to a text encoder that is trained.
public struct TextCondition: Sendable {
    /// The embeddings of the prompts' tokens, `[batch, tokens, width]`, or `[1, tokens, width]` for all samples.
    public var tokens: Variable
    /// The embedding of each whole prompt, `[batch, width]` or `[1, width]`; nil for networks that read none.
    public var pooled: Variable?

    /// A constant condition with these embeddings.
    public init(tokens: Tensor, pooled: Tensor? = nil) {
        self.init(tokens: Variable(tokens), pooled: pooled.map { Variable($0) })
    }

    /// A condition with these embeddings.
    public init(tokens: Variable, pooled: Variable? = nil) {
        require(
            tokens.shape.count == 3 && (pooled.map { $0.shape.count == 2 && $0.shape[0] == tokens.shape[0] } ?? true),
            "TextCondition: expected tokens [batch, tokens, width] and pooled [batch, width], found \(tokens.shape) and "
                + "\(pooled.map { "\($0.shape)" } ?? "none")")
        (self.tokens, self.pooled) = (tokens, pooled)
    }

    /// The number of conditions: one per sample, or 1 for all.
    public var count: Int { tokens.shape[0] }

    /// The conditions at `rows`, in that order.
    public func gathered(rows: [Int]) -> TextCondition { map { $0.gathered(rows: rows) } }

    /// One condition per sample of a batch: a single one is repeated.
    public func broadcast(to batch: Int) -> TextCondition { map { $0.broadcast(to: [batch] + $0.shape.dropFirst()) } }

    /// Conditions of the same kind, one after another.
    public static func concatenate(_ conditions: [TextCondition]) -> TextCondition {
        let pooled = conditions.compactMap(\.pooled)
        return TextCondition(
            tokens: .concatenate(conditions.map(\.tokens), axis: 0),
            pooled: pooled.isEmpty ? nil : .concatenate(pooled, axis: 0))
    }

    /// Interpolates linearly towards another condition of the same shapes: (1 − share) · self + share · other.
    public func interpolated(towards other: TextCondition, by share: Double) -> TextCondition {
        func between(_ first: Variable, _ last: Variable) -> Variable { first * Float(1 - share) + last * Float(share) }
        let pooled = pooled.flatMap { first in other.pooled.map { between(first, $0) } }
        return TextCondition(tokens: between(tokens, other.tokens), pooled: pooled)
    }

    private func map(_ body: (Variable) -> Variable) -> TextCondition {
        TextCondition(tokens: body(tokens), pooled: pooled.map(body))
    }
}
