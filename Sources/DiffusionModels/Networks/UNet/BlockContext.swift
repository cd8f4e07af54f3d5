import Autograd
import Tensor

/// What every residual block is told beside its feature map.
struct TimeContext {
    /// The activated timestep embedding, `[batch, width]`.
    let time: Variable
    /// Whether residual blocks and transformers keep no intermediates and run again in the backward pass.
    let recomputes: Bool

    /// The time's rows are repeated as often as the input's samples were.
    func run(_ block: ResnetBlock2D, on input: Variable) -> Variable {
        let time = time.repeated(input.shape[0] / time.shape[0])
        guard recomputes else { return block(input, time: time) }
        return recomputed([input, time]) { block($0[0], time: $0[1]) }
    }
}

/// What flows beside the feature map through every block.
struct BlockContext {
    let time: TimeContext
    /// The text embeddings, for the batch or several times as many samples: then it is repeated where it first attends to them.
    let text: PromptContext

    func run(_ transformer: Transformer2DModel, on input: Variable) -> Variable {
        guard time.recomputes else { return transformer(input, text: text) }
        return recomputed([input, text.embeddings]) { transformer($0[0], text: text.with($0[1])) }
    }
}
