import Autograd
import Tensor

/// What a denoising network reads of the prompts of a batch. Gradients flow through it to a text encoder that is trained.
public struct TextCondition: Sendable {
    /// The embeddings of the prompts' tokens, `[batch, tokens, width]`, or `[1, tokens, width]` for all samples.
    public var tokens: Variable
    /// The embedding of each whole prompt, `[batch, width]` or `[1, width]`; nil for networks that read none.
    public var pooled: Variable?
    /// Stable Diffusion XL's size ids in pixels, `[batch, 6]` or `[1, 6]`: height and width of the original image, top and left of the crop,
    /// height and width of the target. Nil means a whole image of the size that is generated.
    public var sizes: Variable?

    /// A constant condition with these embeddings.
    public init(tokens: Tensor, pooled: Tensor? = nil, sizes: Tensor? = nil) {
        self.init(
            tokens: Variable(tokens), pooled: pooled.map { Variable($0) }, sizes: sizes.map { Variable($0) })
    }

    /// A condition with these embeddings.
    public init(tokens: Variable, pooled: Variable? = nil, sizes: Variable? = nil) {
        let rows = [pooled, sizes].compactMap { $0 }
        require(
            tokens.shape.count == 3 && rows.allSatisfy { $0.shape.count == 2 && $0.shape[0] == tokens.shape[0] }
                && sizes.map { $0.shape[1] == 6 } ?? true,
            "TextCondition: expected tokens [batch, tokens, width], pooled [batch, width] and sizes [batch, 6], found "
                + "\(tokens.shape) and \(rows.map(\.shape))")
        (self.tokens, self.pooled, self.sizes) = (tokens, pooled, sizes)
    }

    /// The number of conditions: one per sample, or 1 for all.
    public var count: Int { tokens.shape[0] }

    /// The conditions at `rows`, in that order.
    public func gathered(rows: [Int]) -> TextCondition { map { $0.gathered(rows: rows) } }

    /// One condition per sample of a batch: a single one is repeated.
    public func broadcast(to batch: Int) -> TextCondition { map { $0.broadcast(to: [batch] + $0.shape.dropFirst()) } }

    /// Conditions of the same kind, one after another.
    public static func concatenate(_ conditions: [TextCondition]) -> TextCondition {
        func joined(_ parts: [Variable]) -> Variable? { parts.isEmpty ? nil : .concatenate(parts, axis: 0) }
        return TextCondition(
            tokens: .concatenate(conditions.map(\.tokens), axis: 0), pooled: joined(conditions.compactMap(\.pooled)),
            sizes: joined(conditions.compactMap(\.sizes)))
    }

    /// Interpolates linearly towards another condition of the same shapes: (1 − share) · self + share · other.
    public func interpolated(towards other: TextCondition, by share: Double) -> TextCondition {
        func between(_ first: Variable, _ last: Variable) -> Variable { first * Float(1 - share) + last * Float(share) }
        func between(_ first: Variable?, _ last: Variable?) -> Variable? {
            first.flatMap { first in last.map { between(first, $0) } }
        }
        return TextCondition(
            tokens: between(tokens, other.tokens), pooled: between(pooled, other.pooled),
            sizes: between(sizes, other.sizes))
    }

    private func map(_ body: (Variable) -> Variable) -> TextCondition {
        TextCondition(tokens: body(tokens), pooled: pooled.map(body), sizes: sizes.map(body))
    }
}

extension TextCondition {
    /// The tensors, in a fixed order.
    var parts: [Variable] { [tokens] + [pooled, sizes].compactMap { $0 } }

    /// The condition with other tensors in the order of ``parts``.
    func with(_ parts: [Variable]) -> TextCondition {
        var rest = parts.dropFirst()
        let pooled = pooled == nil ? nil : rest.popFirst()
        return TextCondition(tokens: parts[0], pooled: pooled, sizes: sizes == nil ? nil : rest.popFirst())
    }
}
