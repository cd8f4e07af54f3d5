import Foundation
import Tensor

@testable import DiffusionModels

extension MalformedCheckpoint {
    /// Single files that are something else, or broken.
    static let singleFiles: [MalformedCheckpoint] = [
        .init(
            "a LoRA of diffusers",
            """
            MODEL/other.safetensors: expected a model of Stable Diffusion 1.x, 2.x or XL, found a LoRA; merge it \
            into a model (--lora)
            """
        ) { workshop in
            let layer = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
            try workshop.useFile(ofTensors: "\(layer).lora_A.weight", "\(layer).lora_B.weight")
        },
        .init(
            "a LoRA of kohya",
            """
            MODEL/other.safetensors: expected a model of Stable Diffusion 1.x, 2.x or XL, found a LoRA; merge it \
            into a model (--lora)
            """
        ) { workshop in
            let layer = "lora_te_text_model_encoder_layers_0_mlp_fc1"
            try workshop.useFile(ofTensors: "\(layer).lora_down.weight", "\(layer).lora_up.weight", "\(layer).alpha")
        },
        .init(
            "the refiner of Stable Diffusion XL in a single file",
            """
            MODEL/other.safetensors: cannot be read: expected both text encoders of Stable Diffusion XL, found no \
            conditioner.embedders.1.model.…; its refiner is not supported
            """
        ) { workshop in
            try workshop.useFile(
                ofTensors: "model.diffusion_model.label_emb.0.0.weight", "conditioner.embedders.0.logit_scale")
        },
        .init(
            "Stable Diffusion 3 in a single file",
            """
            MODEL/other.safetensors: expected a model of Stable Diffusion 1.x, 2.x or XL, found Stable Diffusion \
            3; only Stable Diffusion 1.x, 2.x and XL are supported
            """
        ) { workshop in
            try workshop.useFile(ofTensors: "model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight")
        },
        .init(
            "Flux in a single file",
            """
            MODEL/other.safetensors: expected a model of Stable Diffusion 1.x, 2.x or XL, found Flux; only \
            Stable Diffusion 1.x, 2.x and XL are supported
            """
        ) { try $0.useFile(ofTensors: "double_blocks.0.img_attn.qkv.weight") },
        .init(
            "a ControlNet",
            """
            MODEL/other.safetensors: expected a model of Stable Diffusion 1.x, 2.x or XL, found a ControlNet; \
            only Stable Diffusion 1.x, 2.x and XL are supported
            """
        ) { try $0.useFile(ofTensors: "control_model.input_blocks.0.0.weight") },
        .init(
            "an autoencoder alone",
            """
            MODEL/other.safetensors: expected a model of Stable Diffusion 1.x, 2.x or XL, found an autoencoder; \
            use it to decode instead of a model's own (--vae)
            """
        ) { try $0.useFile(ofTensors: "first_stage_model.encoder.conv_in.weight") },
        .init(
            "a denoising network alone",
            """
            MODEL/other.safetensors: expected a model of Stable Diffusion 1.x, 2.x or XL, found a denoising \
            network without its text encoder; use the whole model's file or diffusers folder: no option adds \
            a text encoder (--vae adds an autoencoder)
            """
        ) { workshop in
            try workshop.useFile(ofTensors: "model.diffusion_model.input_blocks.0.0.weight")
        },
        .init(
            "a part's weights instead of the model",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors: expected a model of Stable Diffusion 1.x, 2.x or XL, \
            found the denoising network of a diffusers folder; name the folder that holds model_index.json
            """
        ) { workshop in
            workshop.target = workshop.file(CheckpointWorkshop.unetWeights)
        },
        .init(
            "a file of unknown tensors",
            """
            MODEL/other.safetensors: expected a model of Stable Diffusion 1.x, 2.x or XL, found an unknown kind \
            of file; only Stable Diffusion 1.x, 2.x and XL are supported
            """
        ) { try $0.useFile(ofTensors: "something") },
        .init(
            "a single file without a tokenizer",
            """
            MODEL/single.safetensors: there is no tokenizer in it; name a tokenizer's folder, with \
            vocab.json and merges.txt or tokenizer.json (--tokenizer)
            """
        ) { workshop in
            try workshop.useSingleFile()
            workshop.tokenizer = nil
        },
        .init(
            "a single file with a tensor of no network",
            """
            MODEL/single.safetensors: the checkpoint does not fit the network:
              unexpected: depth_model.model.scale
            """
        ) { workshop in
            try workshop.useSingleFile { $0["depth_model.model.scale"] = Tensor(1) }
        },
        .init(
            "a single file with an extra tensor in a network",
            """
            MODEL/single.safetensors: the checkpoint does not fit the network:
              unexpected: model.diffusion_model.out.2.scale
            """
        ) { workshop in
            try workshop.useSingleFile { $0["model.diffusion_model.out.2.scale"] = Tensor(1) }
        },
        .init(
            "a single file without a tensor that determines the size",
            """
            MODEL/single.safetensors: the checkpoint does not fit the network:
              missing: first_stage_model.encoder.conv_in.weight
            """
        ) { workshop in
            try workshop.useSingleFile { $0["first_stage_model.encoder.conv_in.weight"] = nil }
        },
        .init(
            "a single file without a tensor that does not determine the size",
            """
            MODEL/single.safetensors: the checkpoint does not fit the network:
              missing: encoder.conv_in.bias
            """
        ) { workshop in
            try workshop.useSingleFile { $0["first_stage_model.encoder.conv_in.bias"] = nil }
        },
        .init(
            "a single file with a tensor of the wrong rank",
            #"""
            MODEL/single.safetensors: cannot be read: tensor "model.diffusion_model.out.2.weight": expected \#
            4 axes, found shape [4, 32]
            """#
        ) { workshop in
            try workshop.useSingleFile { $0["model.diffusion_model.out.2.weight"] = .zeros([4, 32]) }
        },
        .init(
            "a single file of a network that reads another image's latents",
            #"""
            MODEL/single.safetensors: field "in_channels": expected the autoencoder's 4 latent channels, or 9 of an \#
            inpainting model, found 8
            """#
        ) { workshop in
            try workshop.useSingleFile { $0["model.diffusion_model.input_blocks.0.0.weight"] = .zeros([32, 8, 3, 3]) }
        },
        .init(
            "a single file with a Float16 overflow",
            """
            MODEL/single.safetensors: weights that are infinite or not a number: \
            model.diffusion_model.out.2.bias (1 of 4, F16)
            """
        ) { workshop in
            try workshop.useSingleFile { $0["model.diffusion_model.out.2.bias"]?[0] = 1e6 }
        },
        .init(
            "a fused projection whose rows do not divide by three",
            #"""
            MODEL/single.safetensors: cannot be read: tensor \#
            "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight": expected rows for 3 equal \#
            weights, found shape [64, 64]
            """#
        ) { workshop in
            try workshop.useSingleFile(.sd2) { tensors in
                tensors["cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight"] = .zeros([64, 64])
            }
        },
        .init(
            "a fused projection without axes",
            #"""
            MODEL/single.safetensors: cannot be read: tensor \#
            "cond_stage_model.model.transformer.resblocks.1.attn.in_proj_bias": expected rows for 3 equal \#
            weights, found shape []
            """#
        ) { workshop in
            try workshop.useSingleFile(.sd2) { tensors in
                tensors["cond_stage_model.model.transformer.resblocks.1.attn.in_proj_bias"] = Tensor(1)
            }
        },
        .init(
            "quantised weights",
            #"""
            MODEL/single.safetensors: cannot be read: its weights are quantised (bitsandbytes: tensor \#
            "first_stage_model.quant_conv.weight.absmax"), which is not supported; use the model in Float32, \#
            Float16 or BFloat16
            """#
        ) { workshop in
            try workshop.useSingleFile { $0["first_stage_model.quant_conv.weight.absmax"] = .zeros([3]) }
        },
        .init(
            "an input convolution without input channels",
            #"MODEL/single.safetensors: field "in_channels": expected an integer from 1 to 65536, found 0"#
        ) { workshop in
            try workshop.useSingleFile { $0["model.diffusion_model.input_blocks.0.0.weight"] = .zeros([32, 0, 3, 3]) }
        },
    ]
}
