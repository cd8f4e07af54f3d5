import Tensor

/// One layer of a network for the roofline: its kind, size and number of operations, and a closure that runs it on an input of the
/// right size.
struct Layer {
    /// Kinds in the order of the table.
    enum Kind: String, CaseIterable {
        case convolution3 = "convolution 3×3"
        case otherConvolution = "other convolutions"
        case linear = "linear"
        case attention = "attention"
        case normalization = "normalisation + activation"
        case gate = "GEGLU"
    }

    let kind: Kind
    /// The side of the output map.
    let size: Int
    /// Floating-point operations of the direct sum, two per multiplication.
    let operations: Double
    let run: () -> Void
}

/// Inputs of layers, one per shape, so that those of a whole network fit into memory.
final class LayerInputs {
    private var tensors: [[Int]: Tensor] = [:]
    private var stream = RandomStream(seed: 0)

    subscript(shape: Int...) -> Tensor {
        if let found = tensors[shape] { return found }
        let tensor = stream.normal(shape)
        tensors[shape] = tensor
        return tensor
    }
}

extension Layer {
    /// A convolution of a square map of side `side`.
    static func convolution(
        _ kernel: Tensor, bias: Tensor?, side: Int, batch: Int, stride: Int, upsampling: Int, isAdded: Bool,
        _ inputs: LayerInputs
    ) -> Layer {
        let (outputs, depth, taps) = (kernel.shape[0], kernel.shape[1], kernel.shape[2])
        let size = side * upsampling / stride
        let operations = 2 * Double(batch * size * size) * Double(outputs * depth * taps * taps)
        let isPlain = taps == 3 && stride == 1
        return Layer(kind: isPlain ? .convolution3 : .otherConvolution, size: size, operations: operations) {
            let addend = isAdded ? inputs[batch, size, size, outputs] : nil
            _ = inputs[batch, side, side, depth].conv2d(
                kernel: kernel, bias: bias, stride: stride, padding: ConvolutionPadding(taps / 2),
                upsampling: upsampling, adding: addend)
        }
    }

    /// A linear layer on `rows` rows.
    static func linear(_ weight: Tensor, bias: Tensor?, size: Int, rows: Int, _ inputs: LayerInputs) -> Layer {
        let (outputs, depth) = (weight.shape[0], weight.shape[1])
        return Layer(kind: .linear, size: size, operations: 2 * Double(rows * outputs * depth)) {
            _ = inputs[rows, depth].linear(weight: weight, bias: bias)
        }
    }

    /// Attention of all pixels to `keys` others.
    static func attention(
        width: Int, heads: Int, size: Int, keys: Int, batch: Int, _ inputs: LayerInputs
    ) -> Layer {
        let operations = 4 * Double(batch * size * size) * Double(keys * width)
        return Layer(kind: .attention, size: size, operations: operations) {
            let (queries, others) = (inputs[batch, size * size, width], inputs[batch, keys, width])
            _ = queries.attention(keys: others, values: others, heads: heads)
        }
    }

    /// Group normalisation of a map, followed by `activation` if there is one.
    static func groupNorm(
        scale: Tensor, offset: Tensor, groups: Int, activation: Activation?, size: Int, batch: Int,
        _ inputs: LayerInputs
    ) -> Layer {
        Layer(kind: .normalization, size: size, operations: 0) {
            _ = inputs[batch, size, size, scale.shape[0]].groupNorm(
                groups: groups, scale: scale, offset: offset, epsilon: 1e-5, activation: activation)
        }
    }

    /// Layer normalisation of all pixels.
    static func layerNorm(scale: Tensor, offset: Tensor, size: Int, batch: Int, _ inputs: LayerInputs) -> Layer {
        Layer(kind: .normalization, size: size, operations: 0) {
            _ = inputs[batch * size * size, scale.shape[0]].layerNorm(scale: scale, offset: offset, epsilon: 1e-5)
        }
    }

    /// The GEGLU of a transformer's feed-forward network.
    static func gate(width: Int, size: Int, batch: Int, _ inputs: LayerInputs) -> Layer {
        Layer(kind: .gate, size: size, operations: 0) { _ = inputs[batch * size * size, width].geglu() }
    }
}
