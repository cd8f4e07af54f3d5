import Autograd
import Tensor

/// A layer of CLIP's text and image transformers: self-attention and a feed-forward network, each with layer normalisation before it and a
/// residual connection. Parameters have transformers' keys.
package struct CLIPEncoderLayer {
    private let norm1: LayerNorm
    private let queries: Linear
    private let keys: Linear
    private let values: Linear
    private let output: Linear
    private let norm2: LayerNorm
    private let expansion: Linear
    private let contraction: Linear
    private let heads: Int
    private let activation: Activation
    private let isCausal: Bool

    /// - Parameters:
    ///   - width: the width of the hidden states.
    ///   - feedForwardWidth: the width between the two layers of the feed-forward network.
    ///   - heads: the number of attention heads, a divisor of the width.
    ///   - activation: the activation function between those layers.
    ///   - epsilon: the epsilon of the layer normalisations.
    ///   - isCausal: whether a position attends only to itself and those before it.
    ///   - scope: where the layer's parameters are declared.
    package init(
        width: Int, feedForwardWidth: Int, heads: Int, activation: ActivationName, epsilon: Float, isCausal: Bool,
        in scope: ParameterScope
    ) {
        let attention = scope["self_attn"]
        (self.heads, self.activation, self.isCausal) = (heads, activation.function, isCausal)
        norm1 = LayerNorm(width: width, epsilon: epsilon, in: scope["layer_norm1"])
        queries = Linear(inputs: width, outputs: width, in: attention["q_proj"])
        keys = Linear(inputs: width, outputs: width, in: attention["k_proj"])
        values = Linear(inputs: width, outputs: width, in: attention["v_proj"])
        output = Linear(inputs: width, outputs: width, in: attention["out_proj"])
        norm2 = LayerNorm(width: width, epsilon: epsilon, in: scope["layer_norm2"])
        expansion = Linear(inputs: width, outputs: feedForwardWidth, in: scope["mlp"]["fc1"])
        contraction = Linear(inputs: feedForwardWidth, outputs: width, in: scope["mlp"]["fc2"])
    }

    /// Maps `[batch, positions, width]` to the same shape.
    package func callAsFunction(_ input: Variable) -> Variable {
        let normalized = norm1(input)
        let attended = queries(normalized).attention(
            keys: keys(normalized), values: values(normalized), heads: heads, isCausal: isCausal)
        let hidden = output(attended, adding: input)
        return contraction(expansion(norm2(hidden)).activated(activation), adding: hidden)
    }
}
