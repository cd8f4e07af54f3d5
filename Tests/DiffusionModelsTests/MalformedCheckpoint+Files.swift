import Foundation
import Tensor

@testable import DiffusionModels

extension MalformedCheckpoint {
    /// Files that are missing, truncated or something else.
    static let files: [MalformedCheckpoint] = [
        .init(
            "a path that does not exist",
            """
            MODEL/nothing: missing; expected a model: a folder in the diffusers layout or a safetensors file
            """
        ) { $0.target = $0.file("nothing") },
        .init(
            "an empty folder",
            "MODEL/model_index.json: missing; expected the list of the model's parts"
        ) { workshop in
            for name in try FileManager.default.contentsOfDirectory(atPath: workshop.folder.path) {
                try workshop.remove(name)
            }
        },
        .init(
            "one part's folder instead of the model's",
            """
            MODEL/unet: expected a model of Stable Diffusion 1.x, 2.x or XL, found the denoising network of a \
            diffusers folder; name the folder that holds model_index.json
            """
        ) { $0.target = $0.file("unet") },
        .init(
            "an autoencoder's folder instead of a model's",
            """
            MODEL/vae: expected a model of Stable Diffusion 1.x, 2.x or XL, found an autoencoder; use it to \
            decode instead of a model's own (--vae)
            """
        ) { $0.target = $0.file("vae") },
        .init(
            "a LoRA's folder instead of a model's",
            """
            MODEL: expected a model of Stable Diffusion 1.x, 2.x or XL, found a LoRA; merge it into a model \
            (--lora)
            """
        ) { workshop in
            try workshop.remove("model_index.json")
            try workshop.write("{}", to: "adapter_config.json")
        },
        .init(
            "a configuration that is missing",
            "MODEL/unet/config.json: missing; expected the configuration of this part"
        ) { try $0.remove("unet/config.json") },
        .init(
            "a configuration that is not JSON",
            "MODEL/unet/config.json: cannot be read: it is not valid JSON"
        ) { try $0.write("{in_channels: 4}", to: "unet/config.json") },
        .init(
            "weights that are missing",
            "MODEL/unet/diffusion_pytorch_model.safetensors: missing; expected the weights of this part"
        ) { try $0.remove(CheckpointWorkshop.unetWeights) },
        .init(
            "weights that are a folder",
            "MODEL/unet/diffusion_pytorch_model.safetensors: cannot be read: it is not a file"
        ) { workshop in
            try workshop.remove(CheckpointWorkshop.unetWeights)
            try FileManager.default.createDirectory(
                at: workshop.file(CheckpointWorkshop.unetWeights), withIntermediateDirectories: true)
        },
        .init(
            "an empty weights file",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors: not a valid safetensors file: length of the \
            file: expected at least 8 bytes, found 0
            """
        ) { try $0.write("", to: CheckpointWorkshop.unetWeights) },
        .init(
            "a Git LFS pointer",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors: not a safetensors file but a Git LFS pointer \
            instead of the file; fetch the file with git lfs pull
            """
        ) { workshop in
            let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
            try workshop.write(pointer, to: CheckpointWorkshop.unetWeights)
        },
        .init(
            "truncated weights",
            #"""
            MODEL/text_encoder/model.safetensors: not a valid safetensors file: tensor \#
            "encoder.layers.1.self_attn.v_proj.weight": data_offsets: expected an end within the 22940 bytes \#
            after the header (was the file cut short?), found [21792, 22944]
            """#
        ) { workshop in
            let file = workshop.file(CheckpointWorkshop.textWeights)
            try Data(contentsOf: file).dropLast(100).write(to: file)
        },
        .init(
            "a header longer than the file",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors: not a valid safetensors file: header length: \
            expected at most the 2 bytes that follow it, found 1000000
            """
        ) { workshop in
            try workshop.write(header: "{}", length: 1_000_000, to: CheckpointWorkshop.unetWeights)
        },
        .init(
            "a header that is not JSON",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors: not a valid safetensors file: header: expected a \
            JSON object, found text that is not valid JSON
            """
        ) { workshop in
            try workshop.write(header: "{\"conv_in.weight\": ", to: CheckpointWorkshop.unetWeights)
        },
        .init(
            "an unknown type",
            #"""
            MODEL/unet/diffusion_pytorch_model.safetensors: not a valid safetensors file: tensor "a": dtype: \#
            expected one of F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, BOOL, found F4
            """#
        ) { workshop in
            let header = #"{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,4]}}"#
            try workshop.write(header: header, bytes: 4, to: CheckpointWorkshop.unetWeights)
        },
        .init(
            "overlapping tensors",
            #"""
            MODEL/unet/diffusion_pytorch_model.safetensors: not a valid safetensors file: tensor "b": \#
            data_offsets: expected a start at 8, where the tensor before it ends, found 4
            """#
        ) { workshop in
            let header = #"""
                {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}
                """#
            try workshop.write(header: header, bytes: 12, to: CheckpointWorkshop.unetWeights)
        },
        .init(
            "a repeated tensor name",
            """
            MODEL/unet/diffusion_pytorch_model.safetensors: not a valid safetensors file: header: expected \
            every name once, found 1 repeated
            """
        ) { workshop in
            let header = #"""
                {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}
                """#
            try workshop.write(header: header, bytes: 8, to: CheckpointWorkshop.unetWeights)
        },
        .init(
            "only pickled weights",
            "MODEL/unet: the weights are pickled (diffusion_pytorch_model.bin), and pickles are never read because they can "
                + "run code; convert with: "
                + command("MODEL/unet/diffusion_pytorch_model.bin MODEL/unet/diffusion_pytorch_model.safetensors")
        ) { workshop in
            try workshop.move(CheckpointWorkshop.unetWeights, to: "unet/diffusion_pytorch_model.bin")
        },
        .init(
            "a pickled text encoder, whose safetensors have another name",
            "MODEL/text_encoder: the weights are pickled (pytorch_model.bin), and pickles are never read because they can "
                + "run code; convert with: "
                + command("MODEL/text_encoder/pytorch_model.bin MODEL/text_encoder/model.safetensors")
        ) { workshop in
            try workshop.move(CheckpointWorkshop.textWeights, to: "text_encoder/pytorch_model.bin")
            try workshop.write("", to: "text_encoder/optimizer.bin")
        },
        .init(
            "pickled shards, which become one file",
            "MODEL/unet: the weights are pickled (diffusion_pytorch_model-00001-of-00002.bin, "
                + "diffusion_pytorch_model-00002-of-00002.bin), and pickles are never read because they can run code; "
                + "convert with: "
                + command(
                    "MODEL/unet/diffusion_pytorch_model-00001-of-00002.bin "
                        + "MODEL/unet/diffusion_pytorch_model-00002-of-00002.bin "
                        + "MODEL/unet/diffusion_pytorch_model.safetensors")
        ) { workshop in
            try workshop.remove(CheckpointWorkshop.unetWeights)
            for number in 1...2 {
                try workshop.write("", to: "unet/diffusion_pytorch_model-0000\(number)-of-00002.bin")
            }
            try workshop.write("", to: "unet/diffusion_pytorch_model.fp16.bin")
        },
        .init(
            "a pickled variant",
            "MODEL/text_encoder: the weights are pickled (pytorch_model.fp16.bin), and pickles are never read because they "
                + "can run code; convert with: "
                + command("MODEL/text_encoder/pytorch_model.fp16.bin MODEL/text_encoder/model.fp16.safetensors")
        ) { workshop in
            try workshop.move(CheckpointWorkshop.textWeights, to: "text_encoder/pytorch_model.fp16.bin")
        },
        .init(
            "a pickled single file",
            "MODEL/v1-5-pruned.ckpt: not a safetensors file but a Python pickle; pickles are never read because they can run "
                + "code; convert it with: " + command("MODEL/v1-5-pruned.ckpt MODEL/v1-5-pruned.safetensors")
        ) { workshop in
            try Data([0x80, 2, 0x7d, 0x71, 0, 0x2e]).write(to: workshop.file("v1-5-pruned.ckpt"))
            workshop.target = workshop.file("v1-5-pruned.ckpt")
        },
        .init(
            "a web page in place of weights",
            "MODEL/unet/diffusion_pytorch_model.safetensors: not a safetensors file but a web page; a failed download "
                + "often leaves such a file: download it again"
        ) { workshop in
            try workshop.write(
                "<html>404: this file was not found on the server</html>", to: CheckpointWorkshop.unetWeights)
        },
        .init(
            "several variants and no full weights",
            "MODEL/unet/diffusion_pytorch_model.safetensors: missing; expected the weights of this part; copy one of the "
                + "variants diffusion_pytorch_model.ema.safetensors, diffusion_pytorch_model.non_ema.safetensors to this name"
        ) { workshop in
            let weights = try Data(contentsOf: workshop.file(CheckpointWorkshop.unetWeights))
            try weights.write(to: workshop.file("unet/diffusion_pytorch_model.ema.safetensors"))
            try workshop.move(CheckpointWorkshop.unetWeights, to: "unet/diffusion_pytorch_model.non_ema.safetensors")
        },
        .init(
            "only weights of other frameworks",
            "MODEL/unet/diffusion_pytorch_model.safetensors: missing; expected the weights of this part, found "
                + "diffusion_flax_model.msgpack, model.onnx"
        ) { workshop in
            try workshop.move(CheckpointWorkshop.unetWeights, to: "unet/model.onnx")
            try workshop.write("", to: "unet/diffusion_flax_model.msgpack")
        },
        .init(
            "shards without their index",
            "MODEL/unet/diffusion_pytorch_model.safetensors: missing; expected the weights of this part, or the index of its "
                + "shards, diffusion_pytorch_model.safetensors.index.json"
        ) { workshop in
            try workshop.move(
                CheckpointWorkshop.unetWeights, to: "unet/diffusion_pytorch_model-00001-of-00001.safetensors")
        },
        .init(
            "a repeated field",
            "MODEL/unet/config.json: cannot be read: expected every field once in its object, found 1 repeated"
        ) { try $0.write(#"{"a": [{"b": 1, "b": ":"}]}"#, to: "unet/config.json") },
        .init(
            "a deeply nested configuration",
            "MODEL/unet/config.json: cannot be read: expected JSON of at most 64 levels, found more"
        ) { workshop in
            try workshop.write(String(repeating: "[", count: 100_000), to: "unet/config.json")
        },
        .init(
            "no folder of the autoencoder",
            "MODEL: there is no autoencoder in it; name the folder or file of one: an AutoencoderKL or a small one (TAESD) "
                + "(--vae)"
        ) { try $0.remove("vae") },
        .init(
            "no folder of the tokenizer",
            "MODEL: there is no tokenizer in it; name a tokenizer's folder, with vocab.json and merges.txt or tokenizer.json "
                + "(--tokenizer)"
        ) { try $0.remove("tokenizer") },
    ]

    /// The command that converts pickles.
    private static func command(_ paths: String) -> String {
        #"""
        python -c "import os, sys, torch, safetensors.torch as s; a = sys.argv[1:]; \#
        l = [torch.load(p, 'cpu', weights_only=True) for p in a[:-1]]; \#
        s.save_file({'emb_params' if k == '*' else k: v.detach().clone().contiguous() \#
        for d in l for k, v in d.get('state_dict', d.get('string_to_param', d)).items() \#
        if torch.is_tensor(v)}, a[-1])" \#(paths)
        """#
    }

    /// Shards that disagree with their index.
    static let shards: [MalformedCheckpoint] = [
        .init(
            "a shard that is missing",
            """
            MODEL/unet/two.safetensors: missing; expected a shard that \
            diffusion_pytorch_model.safetensors.index.json names
            """
        ) { workshop in
            try workshop.shard()
            try workshop.remove("unet/two.safetensors")
        },
        .init(
            "an index that names an absent file",
            """
            MODEL/unet/three.safetensors: missing; expected a shard that \
            diffusion_pytorch_model.safetensors.index.json names
            """
        ) { workshop in
            try workshop.shard { $0["conv_in.bias"] = "three.safetensors" }
        },
        .init(
            "an index that names a file elsewhere",
            #"""
            MODEL/unet/diffusion_pytorch_model.safetensors.index.json: field "weight_map.conv_in.bias": \#
            expected a safetensors file in the same folder, found \#
            "../vae/diffusion_pytorch_model.safetensors"
            """#
        ) { workshop in
            try workshop.shard { $0["conv_in.bias"] = "../vae/diffusion_pytorch_model.safetensors" }
        },
        .init(
            "an index that names a pickle",
            #"""
            MODEL/unet/diffusion_pytorch_model.safetensors.index.json: field "weight_map.conv_in.bias": \#
            expected a safetensors file in the same folder, found "one.bin"
            """#
        ) { workshop in
            try workshop.shard { $0["conv_in.bias"] = "one.bin" }
        },
        .init(
            "an index that names a tensor missing from its shard",
            #"""
            MODEL/unet/diffusion_pytorch_model.safetensors.index.json: field "weight_map.conv_in.scale": \#
            expected a shard that holds this tensor, found "one.safetensors", which does not
            """#
        ) { workshop in
            try workshop.shard { $0["conv_in.scale"] = "one.safetensors" }
        },
        .init(
            "a shard with a tensor that the index does not name",
            #"""
            MODEL/unet/diffusion_pytorch_model.safetensors.index.json: field "weight_map.conv_in.bias": \#
            expected "one.safetensors", which holds this tensor, found nothing
            """#
        ) { workshop in
            try workshop.shard { $0["conv_in.bias"] = nil }
        },
        .init(
            "a tensor in two shards",
            #"""
            MODEL/unet/diffusion_pytorch_model.safetensors.index.json: field "weight_map.conv_in.bias": \#
            expected "two.safetensors", which holds this tensor, found "one.safetensors"
            """#
        ) { workshop in
            try workshop.shard()
            try workshop.rewrite("unet/two.safetensors") { $0["conv_in.bias"] = .zeros([12]) }
        },
        .init(
            "an index without a map",
            #"""
            MODEL/unet/diffusion_pytorch_model.safetensors.index.json: field "weight_map": expected an \#
            object from tensor names to file names, found nothing
            """#
        ) { workshop in
            try workshop.shard()
            try workshop.write(#"{"metadata": {}}"#, to: "\(CheckpointWorkshop.unetWeights).index.json")
        },
    ]
}
