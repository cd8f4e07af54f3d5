import Autograd
import Tensor

/// A block of the transformer: attention among the patches, attention to the text, and a feed-forward network. The first and the last are modulated
/// by the timestep; the attention to the text reads its input without normalisation, as in the published networks.
struct PixArtBlock {
    private let table: Parameter
    private let selfAttention: PixArtAttention
    private let textAttention: PixArtAttention
    private let expansion: Linear
    private let contraction: Linear

    init(_ configuration: PixArtConfiguration, in scope: ParameterScope) {
        let width = configuration.width
        table = scope.parameter(
            "scale_shift_table", shape: [6, width], initializer: .normal(deviation: 1 / Float(width).squareRoot()))
        selfAttention = PixArtAttention(configuration, context: width, in: scope["attn1"])
        textAttention = PixArtAttention(
            configuration, context: configuration.crossAttentionDim ?? width, in: scope["attn2"])
        expansion = Linear(inputs: width, outputs: 4 * width, in: scope["ff"]["net"][0]["proj"])
        contraction = Linear(inputs: 4 * width, outputs: width, in: scope["ff"]["net"][2])
    }

    /// `[batch, patches, width]` → the same shape; the modulation is `[batch, 6, width]`.
    func callAsFunction(_ input: Variable, _ context: PixArtContext, _ modulation: Variable) -> Variable {
        let parts = (modulation + table.variable).split([1, 1, 1, 1, 1, 1], axis: 1)
        func modulated(_ x: Variable, shift: Variable, scale: Variable) -> Variable {
            x.normalized() * (scale + 1) + shift
        }
        let patches = modulated(input, shift: parts[0], scale: parts[1])
        let attended = input + selfAttention(patches, PixArtContext(text: patches, tokens: nil)) * parts[2]
        let conditioned = attended + textAttention(attended, context)
        let hidden = expansion(modulated(conditioned, shift: parts[3], scale: parts[4])).approximateGELU()
        return conditioned + contraction(hidden) * parts[5]
    }
}

/// What an attention reads beside its queries.
struct PixArtContext {
    /// `[batch, tokens, width]`.
    let text: Variable
    /// 0 for a token that is read and −10,000 for one that is not, `[batch, 1, tokens]`; nil if all are read.
    let bias: Tensor?

    /// A context in which those of the `tokens` are not read whose embeddings are all 0.
    init(text: Variable, tokens: Tensor?) {
        self.text = text
        let read = tokens?.absolute().sum(alongAxes: [2]).scalars.map { $0 > 0 } ?? []
        bias =
            read.allSatisfy(\.self)
            ? nil : Tensor(read.map { $0 ? 0 : -10_000 }, shape: [text.shape[0], 1, text.shape[1]])
    }
}

/// Multi-head attention, with a bias where tokens are padding.
private struct PixArtAttention {
    private let queries, keys, values, output: Linear
    private let heads: Int

    init(_ configuration: PixArtConfiguration, context: Int, in scope: ParameterScope) {
        let (width, hasBias) = (configuration.width, configuration.attentionBias)
        heads = configuration.numAttentionHeads
        queries = Linear(inputs: width, outputs: width, hasBias: hasBias, in: scope["to_q"])
        keys = Linear(inputs: context, outputs: width, hasBias: hasBias, in: scope["to_k"])
        values = Linear(inputs: context, outputs: width, hasBias: hasBias, in: scope["to_v"])
        output = Linear(inputs: width, outputs: width, in: scope["to_out"][0])
    }

    func callAsFunction(_ x: Variable, _ context: PixArtContext) -> Variable {
        let (queries, keys, values) = (queries(x), keys(context.text), values(context.text))
        guard let bias = context.bias else {
            return output(queries.attention(keys: keys, values: values, heads: heads))
        }
        let (batch, width) = (x.shape[0], x.shape[2] / heads)
        func divided(_ x: Variable) -> Variable {
            x.reshaped(to: [batch, -1, heads, width]).transposed([0, 2, 1, 3])
        }
        let scores = divided(queries).matmul(divided(keys), transposingOther: true) * (1 / Float(width).squareRoot())
        let biased = scores + Variable(bias.reshaped(to: [batch, 1, 1, -1]))
        let attended = biased.softmax().matmul(divided(values))
        return output(attended.transposed([0, 2, 1, 3]).reshaped(to: x.shape))
    }
}
