import Tensor

/// The magnitudes of DoRA (arXiv 2402.09353): the changed weight W + scale · ΔW is normalised, and its norms are learned.
enum LowRankMagnitude: Sendable {
    /// One norm per output, as in peft.
    case outputs(Tensor)
    /// One norm per input, as in LyCORIS's and OneTrainer's older files.
    case inputs(Tensor)

    /// Reads the magnitudes of a weight with this number of outputs. peft stores one per output as `[outputs]` or
    /// `[1, outputs, 1, 1]`; `dora_scale` has `[outputs, 1]`, `[outputs, 1, 1, 1]`, or per input `[1, inputs]`, `[1, inputs, 1, 1]`. Nil for
    /// other shapes.
    init?(_ tensor: Tensor, isPEFT: Bool, outputs: Int) {
        let (shape, count) = (tensor.shape, tensor.count)
        guard count > 0 else { return nil }
        let flat = tensor.reshaped(to: [count])
        let isFirst = count == shape.first ?? 0
        let isSecond = shape.count > 1 && count == shape[1]
        if count == outputs, isFirst || isPEFT && isSecond {
            self = .outputs(flat)
        } else if isSecond, !isPEFT {
            self = .inputs(flat)
        } else {
            return nil
        }
    }

    /// The weight with these norms, `[outputs, inputs, …]`.
    func applied(to weight: Tensor) -> Tensor {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        let places = weight.reshaped(to: [outputs, inputs, -1])
        let ratios: Tensor
        switch self {
        case .outputs(let norms):
            let squares = (places * places).sum(alongAxes: [1, 2])
            ratios = (norms / squares.squareRoot()).reshaped(to: [outputs, 1, 1])
        case .inputs(let norms):
            let squares = (places * places).sum(alongAxes: [0, 2])
            ratios = (norms / squares.squareRoot()).reshaped(to: [1, inputs, 1])
        }
        return (places * ratios).reshaped(to: weight.shape)
    }

    /// The number of norms.
    var count: Int {
        switch self {
        case .outputs(let norms), .inputs(let norms): norms.count
        }
    }
}
