import Tensor

/// Group normalisation with a scale and an offset per channel (arXiv 1803.08494).
public struct GroupNorm: Sendable {
    /// The scale, `[channels]`.
    public let weight: Parameter
    /// The offset, `[channels]`.
    public let bias: Parameter
    private let groups: Int
    private let epsilon: Float

    /// A layer whose parameters are `weight` and `bias` of `scope`.
    public init(channels: Int, groups: Int, epsilon: Float, in scope: ParameterScope) {
        weight = scope.parameter("weight", shape: [channels], initializer: .ones)
        bias = scope.parameter("bias", shape: [channels], initializer: .zeros)
        self.groups = groups
        self.epsilon = epsilon
    }

    /// Normalises `[batch, …, channels]`, then applies `activation` if given; the shape stays the same.
    public func callAsFunction(_ x: Variable, activation: Activation? = nil) -> Variable {
        x.groupNorm(
            groups: groups, scale: weight.variable, offset: bias.variable, epsilon: epsilon, activation: activation)
    }
}

/// Layer normalisation with a scale and an offset (arXiv 1607.06450).
public struct LayerNorm: Sendable {
    /// The scale, `[width]`.
    public let weight: Parameter
    /// The offset, `[width]`.
    public let bias: Parameter
    private let epsilon: Float

    /// A layer whose parameters are `weight` and `bias` of `scope`.
    public init(width: Int, epsilon: Float = 1e-5, in scope: ParameterScope) {
        weight = scope.parameter("weight", shape: [width], initializer: .ones)
        bias = scope.parameter("bias", shape: [width], initializer: .zeros)
        self.epsilon = epsilon
    }

    /// Normalises `[…, width]` over the last axis; the shape stays the same.
    public func callAsFunction(_ x: Variable) -> Variable {
        x.layerNorm(scale: weight.variable, offset: bias.variable, epsilon: epsilon)
    }
}

/// Normalisation by the root mean square, with a scale (arXiv 1910.07467).
public struct RMSNorm: Sendable {
    /// The scale, `[width]`.
    public let weight: Parameter
    private let epsilon: Float

    /// A layer whose parameter is `weight` of `scope`.
    public init(width: Int, epsilon: Float = 1e-6, in scope: ParameterScope) {
        weight = scope.parameter("weight", shape: [width], initializer: .ones)
        self.epsilon = epsilon
    }

    /// Divides `[…, width]` by the root mean square over the last axis; the shape stays the same.
    public func callAsFunction(_ x: Variable) -> Variable { x.rmsNorm(scale: weight.variable, epsilon: epsilon) }
}
