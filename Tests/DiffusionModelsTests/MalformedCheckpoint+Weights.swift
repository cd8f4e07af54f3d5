import Foundation
import Tensor

@testable import DiffusionModels

extension MalformedCheckpoint {
    /// Readable weights that do not fit or are not finite.
    static let weights: [MalformedCheckpoint] = [
        .init(
            "a missing tensor",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors: the checkpoint does not fit the network:
              missing: conv_in.bias
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.unetWeights) { $0["conv_in.bias"] = nil }
        },
        .init(
            "an extra tensor",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors: the checkpoint does not fit the network:
              unexpected: class_embedding.weight
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.unetWeights) { $0["class_embedding.weight"] = .zeros([3, 48]) }
        },
        .init(
            "a transposed matrix",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors: the checkpoint does not fit the network:
              shape: time_embedding.linear_1.weight: expected [48, 12], found [12, 48]
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.unetWeights) { tensors in
                tensors["time_embedding.linear_1.weight"] = tensors["time_embedding.linear_1.weight"]?.transposed([
                    1, 0,
                ])
            }
        },
        .init(
            "a kernel in another layout",
            """
            MODEL/vae/diffusion_pytorch_model.safetensors: the checkpoint does not fit the network:
              shape: decoder.conv_in.weight: expected [16, 4, 3, 3], found [3, 3, 4, 16]
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.autoencoderWeights) { tensors in
                tensors["decoder.conv_in.weight"] = tensors["decoder.conv_in.weight"]?.transposed([2, 3, 1, 0])
            }
        },
        .init(
            "a flattened matrix",
            """
            MODEL/text_encoder/model.safetensors: the checkpoint does not fit the network:
              shape: encoder.layers.0.mlp.fc1.weight: expected [48, 24], found [1152]
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.textWeights) { tensors in
                let name = "encoder.layers.0.mlp.fc1.weight"
                tensors[name] = tensors[name].map { $0.reshaped(to: [$0.count]) }
            }
        },
        .init(
            "weights of another part",
            """
            MODEL/vae/diffusion_pytorch_model.safetensors: the checkpoint does not fit the network:
              missing: encoder.conv_in.weight
              missing: encoder.conv_in.bias
              missing: encoder.down_blocks.0.resnets.0.norm1.weight
              missing: encoder.down_blocks.0.resnets.0.norm1.bias
              missing: encoder.down_blocks.0.resnets.0.conv1.weight
              missing: encoder.down_blocks.0.resnets.0.conv1.bias
              missing: encoder.down_blocks.0.resnets.0.norm2.weight
              missing: encoder.down_blocks.0.resnets.0.norm2.bias
              missing: 116 more
              unexpected: embeddings.position_embedding.weight
              unexpected: embeddings.token_embedding.weight
              unexpected: encoder.layers.0.layer_norm1.bias
              unexpected: encoder.layers.0.layer_norm1.weight
              unexpected: encoder.layers.0.layer_norm2.bias
              unexpected: encoder.layers.0.layer_norm2.weight
              unexpected: encoder.layers.0.mlp.fc1.bias
              unexpected: encoder.layers.0.mlp.fc1.weight
              unexpected: 28 more
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.textWeights, to: CheckpointWorkshop.autoencoderWeights) { _ in }
        },
        .init(
            "a file without tensors",
            """
            MODEL/text_encoder/model.safetensors: the checkpoint does not fit the network:
              missing: text_model.embeddings.token_embedding.weight
              missing: text_model.embeddings.position_embedding.weight
              missing: text_model.encoder.layers.0.layer_norm1.weight
              missing: text_model.encoder.layers.0.layer_norm1.bias
              missing: text_model.encoder.layers.0.self_attn.q_proj.weight
              missing: text_model.encoder.layers.0.self_attn.q_proj.bias
              missing: text_model.encoder.layers.0.self_attn.k_proj.weight
              missing: text_model.encoder.layers.0.self_attn.k_proj.bias
              missing: 28 more
            """
        ) { try $0.write(header: "{}", to: CheckpointWorkshop.textWeights) },
        .init(
            "old and new keys for the same weight",
            #"""
            MODEL/vae/diffusion_pytorch_model.safetensors: cannot be read: tensor \#
            "decoder.mid_block.attentions.0.to_q.bias" maps to the same weight as \#
            "decoder.mid_block.attentions.0.query.bias"
            """#
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.autoencoderWeights) { tensors in
                tensors["decoder.mid_block.attentions.0.query.bias"] = .zeros([16])
            }
        },
        .init(
            "integer weights",
            #"""
            MODEL/text_encoder/model.safetensors: tensor "embeddings.token_embedding.weight": expected \#
            floating-point numbers, found I8
            """#
        ) { workshop in
            let source = try SafetensorsFile(contentsOf: workshop.file(CheckpointWorkshop.textWeights))
            var end = 0
            let fields = source.names.map { name in
                let shape = source.info(name)?.shape ?? []
                let start = end
                end += shape.reduce(1, *)
                return #""\#(name)":{"dtype":"I8","shape":\#(shape),"data_offsets":[\#(start),\#(end)]}"#
            }
            try workshop.write(
                header: "{\(fields.joined(separator: ","))}", bytes: end, to: CheckpointWorkshop.textWeights)
        },
        .init(
            "NaN in Float32",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors: weights that are infinite or not a number: \
            conv_in.weight (1 of 432, F32)
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.unetWeights) { $0["conv_in.weight"]?[0, 1, 2, 0] = .nan }
        },
        .init(
            "NaN in BFloat16",
            """
            MODEL/text_encoder/model.safetensors: weights that are infinite or not a number: \
            final_layer_norm.bias (1 of 24, BF16)
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.textWeights, as: .bfloat16) { tensors in
                tensors["final_layer_norm.bias"]?[3] = .nan
            }
        },
        .init(
            "Float16 overflow",
            """
            MODEL/vae/diffusion_pytorch_model.safetensors: weights that are infinite or not a number: \
            decoder.conv_out.weight (216 of 216, F16)
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.autoencoderWeights, as: .float16) { tensors in
                tensors["decoder.conv_out.weight"] = tensors["decoder.conv_out.weight"].map { $0 * 1e9 }
            }
        },
        .init(
            "infinity in a shard",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors.index.json: weights that are infinite or not a \
            number: conv_in.bias (1 of 12, F32)
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.unetWeights) { $0["conv_in.bias"]?[11] = -.infinity }
            try workshop.shard()
        },
        .init(
            "diverged training",
            """
            MODEL/vae/diffusion_pytorch_model.safetensors: weights that are infinite or not a number: \
            decoder.conv_in.bias (16 of 16, F32), decoder.conv_in.weight (576 of 576, F32), \
            decoder.conv_norm_out.bias (8 of 8, F32), decoder.conv_norm_out.weight (8 of 8, F32), \
            decoder.conv_out.bias (3 of 3, F32), decoder.conv_out.weight (216 of 216, F32), \
            decoder.mid_block.attentions.0.group_norm.bias (16 of 16, F32), \
            decoder.mid_block.attentions.0.group_norm.weight (16 of 16, F32), and in 116 more tensors
            """
        ) { workshop in
            try workshop.rewrite(CheckpointWorkshop.autoencoderWeights) { tensors in
                tensors = tensors.mapValues { Tensor(repeating: .nan, shape: $0.shape) }
            }
        },
        .init(
            "more layers than there are tensors",
            """
            MODEL/text_encoder/model.safetensors: cannot be read: expected weights for the 1000 layers of its \
            configuration, found 36 tensors
            """
        ) { try $0.set("num_hidden_layers", .integer(1000), in: "text_encoder/config.json") },
    ]
}
