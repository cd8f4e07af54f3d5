import Autograd
import DiffusionModels
import Tensor

/// The layers of a network in the order of their declaration, derived from its parameters: paths give a layer's position, shapes its
/// size. No hook in the library is needed, and each layer runs on its own weights, which are as cold in the caches as in the network.
struct NetworkLayers {
    /// The prefix of the parameters' paths.
    let prefix: String
    /// The side of the maps at a level; the latents enter the network's first block at level 0.
    let side: (_ level: Int) -> Int
    /// The levels of `down_blocks`, `mid_block` and `up_blocks`, and of the other layers at the entrance and at the exit.
    let levels: (down: (Int) -> Int, middle: Int, up: (Int) -> Int, entrance: Int, exit: Int)
    /// Attention heads at a level.
    let heads: (_ level: Int) -> Int
    let groups: Int
    let tokens: Int
    let batch: Int

    /// A denoising network on latents of the given side.
    init(_ network: UNet2DConditionModel.Configuration, side: Int, options: MeasuringOptions) {
        let last = network.blockChannels.count - 1
        prefix = ""
        self.side = { side >> $0 }
        levels = ({ $0 }, last, { last - $0 }, 0, 0)
        heads = { network.headCounts[$0] }
        groups = network.normalizationGroups
        (tokens, batch) = (options.tokens, options.batch)
    }

    /// An autoencoder's decoder on latents of the given side.
    init(_ network: AutoencoderKL.Configuration, side: Int, options: MeasuringOptions) {
        prefix = "decoder."
        self.side = { side << $0 }
        levels = ({ $0 }, 0, { $0 }, 0, network.blockChannels.count - 1)
        heads = { _ in 1 }
        groups = network.normalizationGroups
        (tokens, batch) = (options.tokens, options.batch)
    }

    /// All layers of the network over `parameters`.
    func layers(of parameters: ParameterSet) -> [Layer] {
        let inputs = LayerInputs()
        return parameters.all.filter { $0.path.hasPrefix(prefix) && $0.path.hasSuffix(".weight") }.flatMap { weight in
            let path = String(weight.path.dropLast(".weight".count))
            return layers(weight, path, bias: parameters["\(path).bias"]?.value, inputs)
        }
    }

    /// The layer of a weight, and the layers without weights that follow it.
    private func layers(
        _ weight: Parameter, _ path: String, bias: Tensor?, _ inputs: LayerInputs
    ) -> [Layer] {
        let level = level(of: path)
        let size = side(level)
        let value = weight.value
        switch value.rank {
        case 4:
            return [
                .convolution(
                    value, bias: bias, side: size, batch: batch, stride: path.contains("downsamplers") ? 2 : 1,
                    upsampling: path.contains("upsamplers") ? 2 : 1, isAdded: path.hasSuffix("conv2"), inputs)
            ]
        case 2:
            let isText = path.hasSuffix("attn2.to_k") || path.hasSuffix("attn2.to_v")
            let positions = path.contains("time_emb") ? 1 : isText ? tokens : size * size
            var layers: [Layer] = [.linear(value, bias: bias, size: size, rows: batch * positions, inputs)]
            if path.hasSuffix("to_q") {
                let keys = path.contains("attn2") ? tokens : size * size
                layers.append(
                    .attention(
                        width: value.shape[0], heads: heads(level), size: size, keys: keys, batch: batch, inputs))
            }
            if path.hasSuffix("ff.net.0.proj") {
                layers.append(.gate(width: value.shape[0], size: size, batch: batch, inputs))
            }
            return layers
        default:
            guard let bias else { return [] }
            if path.contains("transformer_blocks") {
                return [.layerNorm(scale: value, offset: bias, size: size, batch: batch, inputs)]
            }
            let activation: Activation? = path.contains("attentions") ? nil : .silu
            return [
                .groupNorm(
                    scale: value, offset: bias, groups: groups, activation: activation, size: size, batch: batch,
                    inputs)
            ]
        }
    }

    /// The level of the maps that a path's layer reads.
    private func level(of path: String) -> Int {
        let words = path.dropFirst(prefix.count).split(separator: ".")
        let index = words.count > 1 ? Int(words[1]) ?? 0 : 0
        switch words[0] {
        case "down_blocks": return levels.down(index)
        case "mid_block": return levels.middle
        case "up_blocks": return levels.up(index)
        case "conv_norm_out", "conv_out": return levels.exit
        default: return levels.entrance
        }
    }
}
