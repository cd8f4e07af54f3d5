import Autograd
import Tensor

/// A layer of CLIP's text and image transformers: self-attention and a feed-forward network, each with layer normalisation before it and a
/// residual connection. Parameters have transformers' keys.
package struct CLIPEncoderLayer {
    private let norm1: LayerNorm
    private let attention: MultiHeadAttention
    private let norm2: LayerNorm
    private let expansion: Linear
    private let contraction: Linear
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
        (self.activation, self.isCausal) = (activation.function, isCausal)
        norm1 = LayerNorm(width: width, epsilon: epsilon, in: scope["layer_norm1"])
        attention = MultiHeadAttention(width: width, heads: heads, in: scope["self_attn"])
        norm2 = LayerNorm(width: width, epsilon: epsilon, in: scope["layer_norm2"])
        expansion = Linear(inputs: width, outputs: feedForwardWidth, in: scope["mlp"]["fc1"])
        contraction = Linear(inputs: feedForwardWidth, outputs: width, in: scope["mlp"]["fc2"])
    }

    /// Maps `[batch, positions, width]` to the same shape.
    package func callAsFunction(_ input: Variable) -> Variable {
        let hidden = attention(norm1(input), isCausal: isCausal, adding: input)
        return contraction(expansion(norm2(hidden)).activated(activation), adding: hidden)
    }
}
