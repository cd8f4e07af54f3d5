import Tensor

/// A tensor together with the recorded operation that produced it, if anything upstream is trainable.
///
/// Operations without a trainable input record nothing and free every intermediate at once, so the same model serves training
/// and inference. The backward pass of a graph runs once, on any thread.
public struct Variable: Sendable {
    /// The value.
    public let value: Tensor
    let node: Node?

    /// A constant, which receives no gradient.
    public init(_ constant: Tensor) {
        value = constant
        node = nil
    }

    init(_ value: Tensor, node: Node?) {
        self.value = value
        self.node = node
    }

    /// A trainable leaf, whose ``gradient`` is filled by the backward pass.
    public static func trainable(_ value: Tensor) -> Variable {
        Variable(value, node: Node(shape: value.shape))
    }

    /// Whether a backward pass reaches this variable.
    public var requiresGradient: Bool { node != nil }

    /// The extent of each axis.
    public var shape: [Int] { value.shape }

    /// The accumulated gradient of a leaf; nil before the first backward pass.
    public var gradient: Tensor? { node?.gradient }

    /// The same value as a constant (stop-gradient).
    public func detached() -> Variable { Variable(value) }

    /// A differentiable operation with a gradient rule of one's own.
    ///
    /// ```swift
    /// func cube(_ x: Variable) -> Variable {
    ///     let square = x.value * x.value
    ///     return .custom(square * x.value, of: [x]) { [$0 * square * 3] }
    /// }
    /// ```
    ///
    /// Check the rule with ``GradientCheck``.
    ///
    /// - Parameters:
    ///   - value: the operation's result.
    ///   - inputs: its inputs.
    ///   - gradient: maps ∂L/∂value to ∂L/∂input, one per input and of its shape, or nil for an input whose gradient is zero. It is called
    ///     in the backward pass, and never when no input requires a gradient.
    public static func custom(
        _ value: Tensor, of inputs: [Variable],
        gradient: @escaping @Sendable (_ outputGradient: Tensor) -> [Tensor?]
    ) -> Variable {
        let shapes = inputs.map(\.shape)
        return record(value, from: inputs) { outputGradient, _ in
            let gradients = gradient(outputGradient)
            require(
                gradients.count == shapes.count && zip(gradients, shapes).allSatisfy { $0?.shape ?? $1 == $1 },
                "Variable.custom: expected gradients of the shapes \(shapes), found \(gradients.map { $0?.shape ?? [] })"
            )
            return gradients
        }
    }

    /// The result of an operation and its backward rule.
    ///
    /// `backward` gets the gradient of `value` and returns one gradient per input, nil where the input needs none. It is
    /// discarded at once when no input requires a gradient. An input that an operation may lack is nil.
    static func record(
        _ value: Tensor, from inputs: [Variable?],
        _ backward: @escaping @Sendable (_ outputGradient: Tensor, _ needs: GradientNeeds) -> [Tensor?]
    ) -> Variable {
        let nodes = inputs.map { $0?.node }
        let needs = GradientNeeds(nodes.map { $0 != nil })
        guard needs.any else { return Variable(value) }
        return Variable(value, node: Node(shape: value.shape, parents: nodes) { backward($0, needs) })
    }

    /// The result of an operation with one input and its backward rule, which returns the input's gradient.
    package static func record(
        _ value: Tensor, from input: Variable,
        _ backward: @escaping @Sendable (_ outputGradient: Tensor) -> Tensor
    ) -> Variable {
        record(value, from: [input]) { outputGradient, _ in [backward(outputGradient)] }
    }
}
