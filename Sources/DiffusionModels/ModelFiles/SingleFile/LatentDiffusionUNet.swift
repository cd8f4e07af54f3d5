import Tensor

/// The denoising network of a single file: `UNetModel` of CompVis's latent-diffusion code, with blocks numbered in execution
/// order.
struct LatentDiffusionUNet: SingleFileNetwork {
    /// The attention heads per layer, which no shape determines: a fixed number, or a fixed width.
    enum Heads {
        case count(Int)
        case ofWidth(Int)
    }

    /// This library's paths of the numbered blocks, by their original paths.
    private var places = [
        "time_embed.0": "time_embedding.linear_1", "time_embed.2": "time_embedding.linear_2",
        "time_embed.cond_proj": "time_embedding.cond_proj",
        "label_emb.0.0": "add_embedding.linear_1", "label_emb.0.2": "add_embedding.linear_2",
        "input_blocks.0.0": "conv_in", "out.0": "conv_norm_out", "out.2": "conv_out",
        "middle_block.0": "mid_block.resnets.0", "middle_block.1": "mid_block.attentions.0",
        "middle_block.2": "mid_block.resnets.1",
    ]
    private(set) var fields: [String: JSONValue] = [:]

    /// This library's names of the layers of a block, by their original names.
    static let layers = [
        "in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj", "out_layers.0": "norm2",
        "out_layers.3": "conv2", "skip_connection": "conv_shortcut", "op": "conv",
    ]

    /// - Parameters:
    ///   - tensors: the network's tensors.
    ///   - heads: the attention heads.
    ///   - latentSide: height and width of the latents it was trained on.
    ///   - pooledWidth: the width of the pooled text embedding that it reads; nil if it reads none.
    ///
    /// Throws ``ModelError`` when a tensor that determines the network's size is missing.
    init(_ tensors: PrefixedTensors, heads: Heads, latentSide: Int, pooledWidth: Int? = nil) throws {
        let down = try Self.readDown(tensors, into: &places)
        let up = try Self.readUp(tensors, into: &places)
        let middle = "middle_block.1"
        // Any transformer determines the text width, so a missing middle block is no problem.
        let reader =
            tensors.first { $0.hasSuffix(".attn2.to_k.weight") } ?? "\(middle).transformer_blocks.0.attn2.to_k.weight"
        let textWidth = try tensors.shape(reader, rank: 2)[1]
        let projection = tensors.first { $0.hasSuffix(".proj_in.weight") } ?? "\(middle).proj_in.weight"
        let hasMiddle = tensors.contains("middle_block.0.out_layers.3.weight")
        let entrance = try tensors.shape("input_blocks.0.0.weight", rank: 4)
        let exit = try tensors.shape("out.2.weight", rank: 4)
        let timeWidth = try tensors.shape("time_embed.0.weight", rank: 2)[0]
        let channels = down.map(\.channels)
        let headCounts = channels.map { channels in
            switch heads {
            case .count(let count): count
            case .ofWidth(let width): max(channels / width, 1)
            }
        }
        var transformers = down.map(\.depth)
        let middleLayers = Self.transformerLayers(middle, tensors)
        if middleLayers > 0, !down[down.count - 1].isAttentive { transformers[down.count - 1] = .init(middleLayers) }
        fields = [
            "_class_name": .string("UNet2DConditionModel"),
            "sample_size": .integer(latentSide),
            "in_channels": .integer(entrance[1]),
            "out_channels": .integer(exit[0]),
            "conv_in_kernel": .integer(entrance[2]),
            "conv_out_kernel": .integer(exit[2]),
            "time_embedding_dim": timeWidth == 4 * channels[0] ? .null : .integer(timeWidth),
            "time_cond_proj_dim": tensors.info("time_embed.cond_proj.weight")?.shape.last.map { .integer($0) } ?? .null,
            "block_out_channels": .array(channels.map { .integer($0) }),
            "layers_per_block": .perBlock(down.map(\.layers)),
            "down_block_types": .array(
                down.map { .string($0.isAttentive ? "CrossAttnDownBlock2D" : "DownBlock2D") }),
            "mid_block_type": hasMiddle
                ? .string(middleLayers > 0 ? "UNetMidBlock2DCrossAttn" : "UNetMidBlock2D") : .null,
            "up_block_types": .array(
                up.map { .string($0.isAttentive ? "CrossAttnUpBlock2D" : "UpBlock2D") }),
            "transformer_layers_per_block": .perBlock(transformers.map(\.json)),
            "cross_attention_dim": .integer(textWidth),
            "attention_head_dim": .perBlock(headCounts),
            "use_linear_projection": .boolean(tensors.info(projection)?.shape.count == 2),
        ]
        let mirrored = up.reversed().enumerated().contains { $1.isAttentive && $1.depth != transformers[$0] }
        if mirrored || transformers.contains(where: { $0.perLayer != nil }) {
            fields["reverse_transformer_layers_per_block"] = .array(up.map(\.depth.json))
        }
        if let pooledWidth {
            let width = try tensors.shape("label_emb.0.0.weight", rank: 2)[1]
            fields["addition_embed_type"] = .string("text_time")
            fields["addition_time_embed_dim"] = .integer((width - pooledWidth) / 6)
            fields["projection_class_embeddings_input_dim"] = .integer(width)
        }
    }

    func names(for key: String) -> [String]? {
        let words = key.split(separator: ".").map(String.init)
        for length in [2, 3] where words.count > length {
            guard let place = places[words.prefix(length).joined(separator: ".")] else { continue }
            let rest = words.dropFirst(length)
            for count in [1, 2] {
                guard let layer = Self.layers[rest.prefix(count).joined(separator: ".")] else { continue }
                return [([place, layer] + rest.dropFirst(count)).joined(separator: ".")]
            }
            return [([place] + rest).joined(separator: ".")]
        }
        return nil
    }
}

extension LatentDiffusionUNet {
    /// The blocks at one resolution.
    private struct Level {
        var channels = 0
        var layers = 0
        /// The number of blocks in the transformer of each layer; 0 without one.
        var depths: [Int] = []

        var isAttentive: Bool { depths.contains { $0 > 0 } }
        var depth: TransformerDepth { TransformerDepth(perLayer: depths.map { max($0, 1) }) }
    }

    private static func transformerLayers(_ place: String, _ tensors: PrefixedTensors) -> Int {
        tensors.count { "\(place).transformer_blocks.\($0).norm1.weight" }
    }

    /// The levels of the encoder half, outermost first; a level ends with the downsampling convolution.
    private static func readDown(_ tensors: PrefixedTensors, into places: inout [String: String]) throws -> [Level] {
        var levels = [Level()]
        for number in 1... {
            let (block, level) = ("input_blocks.\(number)", levels.count - 1)
            if tensors.contains("\(block).0.op.weight") {
                places["\(block).0"] = "down_blocks.\(level).downsamplers.0"
                levels.append(Level())
            } else if tensors.contains("\(block).0.out_layers.3.weight") {
                let layer = levels[level].layers
                levels[level].channels = try tensors.shape("\(block).0.out_layers.3.weight", rank: 4)[0]
                levels[level].layers += 1
                levels[level].depths.append(transformerLayers("\(block).1", tensors))
                places["\(block).0"] = "down_blocks.\(level).resnets.\(layer)"
                places["\(block).1"] = "down_blocks.\(level).attentions.\(layer)"
            } else {
                break
            }
        }
        // A level without blocks throws a missing tensor here.
        if levels.contains(where: { $0.layers == 0 }) {
            _ = try tensors.shape("input_blocks.1.0.out_layers.3.weight", rank: 4)
        }
        return levels
    }

    /// The levels of the decoder half, innermost first; a level ends with the convolution after upsampling.
    private static func readUp(_ tensors: PrefixedTensors, into places: inout [String: String]) throws -> [Level] {
        var levels = [Level()]
        for number in 0... {
            let (block, level) = ("output_blocks.\(number)", levels.count - 1)
            guard tensors.contains("\(block).0.out_layers.3.weight") else { break }
            let layer = levels[level].layers
            levels[level].layers += 1
            levels[level].depths.append(0)
            places["\(block).0"] = "up_blocks.\(level).resnets.\(layer)"
            for index in 1...2 {
                let place = "\(block).\(index)"
                if tensors.contains("\(place).conv.weight") {
                    places[place] = "up_blocks.\(level).upsamplers.0"
                    levels.append(Level())
                } else if tensors.contains("\(place).norm.weight") {
                    places[place] = "up_blocks.\(level).attentions.\(layer)"
                    levels[level].depths[layer] = transformerLayers(place, tensors)
                }
            }
        }
        return levels
    }
}
