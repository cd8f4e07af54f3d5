import Autograd
import Tensor

/// The text embeddings that a batch attends to, each as often as it differs: guidance's empty prompt is one for all samples,
/// whose keys and values are then computed once.
struct PromptContext {
    /// `[distinct, tokens, width]`.
    let embeddings: Variable
    /// How many samples attend to them.
    let batch: Int
    /// Which embeddings each of the samples attends to; nil where each has its own, in order.
    let rows: [Int]?

    /// The context of a batch for each of several texts: its samples with the first, then again with the second.
    ///
    /// - Parameters:
    ///   - texts: each `[samples, tokens, width]`, or `[1, tokens, width]` for all samples.
    ///   - samples: how many samples a text has.
    init(_ texts: [Variable], samples: Int) {
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

    private init(embeddings: Variable, batch: Int, rows: [Int]?) {
        (self.embeddings, self.batch, self.rows) = (embeddings, batch, rows)
    }

    /// The same context with the embeddings as another variable.
    func with(_ embeddings: Variable) -> PromptContext {
        PromptContext(embeddings: embeddings, batch: batch, rows: rows)
    }
}
