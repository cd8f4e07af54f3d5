import Autograd
import Tensor

/// The inputs that all blocks share beside their feature map.
struct BlockInputs {
    let time: TimeInput
    /// The text embeddings, for the batch or for several times as many samples: the map is repeated where it first attends to them.
    let text: TextInput

    func run(_ transformer: Transformer2DModel, on input: Variable) -> Variable {
        guard time.recomputes else { return transformer(input, text: text) }
        return recomputed([input, text.embeddings]) { transformer($0[0], text: text.with($0[1])) }
    }
}

/// The timestep's embedding as residual blocks read it.
struct TimeInput {
    /// The activated timestep embedding, `[batch, width]`.
    let embedding: Variable
    /// Whether residual blocks and transformers keep no intermediates and run again in the backward pass.
    let recomputes: Bool

    /// Runs a block, with the embedding's rows repeated as often as the input's samples were.
    func run(_ block: ResnetBlock2D, on input: Variable) -> Variable {
        let time = embedding.repeated(input.shape[0] / embedding.shape[0])
        guard recomputes else { return block(input, time: time) }
        return recomputed([input, time]) { block($0[0], time: $0[1]) }
    }
}

/// The text embeddings that a batch attends to, each distinct one once: the keys and values of guidance's empty prompt are computed
/// once for all samples.
struct TextInput {
    /// `[distinct, tokens, width]`.
    let embeddings: Variable
    /// How many samples attend to them.
    let batch: Int
    /// The index of the embeddings that each sample attends to; nil where sample i attends to entry i.
    let rows: [Int]?
    /// The text that all samples avoid; nil for none.
    let avoided: AvoidedText?

    /// The input of a batch that is repeated for each of several texts: all its samples with the first, then with the second.
    ///
    /// - Parameters:
    ///   - texts: each `[samples, tokens, width]`, or `[1, tokens, width]` for all samples.
    ///   - samples: how many samples a text has.
    ///   - avoided: the text that all samples avoid.
    init(_ texts: [Variable], samples: Int, avoiding avoided: AvoidedText?) {
        self.avoided = avoided
        embeddings = texts.count == 1 ? texts[0] : .concatenate(texts, axis: 0)
        batch = texts.count * samples
        guard texts.contains(where: { $0.shape[0] != samples }) else {
            rows = nil
            return
        }
        var (rows, start) = ([Int](), 0)
        for text in texts {
            rows += text.shape[0] == 1 ? Array(repeating: start, count: samples) : Array(start..<start + samples)
            start += text.shape[0]
        }
        self.rows = rows
    }

    private init(embeddings: Variable, batch: Int, rows: [Int]?, avoided: AvoidedText?) {
        (self.embeddings, self.batch, self.rows, self.avoided) = (embeddings, batch, rows, avoided)
    }

    /// The same input with the embeddings as another variable.
    func with(_ embeddings: Variable) -> TextInput {
        TextInput(embeddings: embeddings, batch: batch, rows: rows, avoided: avoided)
    }
}
