import Foundation
import Tensor

@testable import DiffusionModels

extension MalformedCheckpoint {
    private static let index = "model_index.json"
    private static let scheduler = "scheduler/scheduler_config.json"

    private static func part(_ library: String, _ name: String) -> JSONValue {
        .array([.string(library), .string(name)])
    }

    /// Configurations of other families, and contradictory ones.
    static let configurations: [MalformedCheckpoint] = [
        .init(
            "an index without a part",
            #"MODEL/model_index.json: field "vae": expected [library, class], found nothing"#
        ) { try $0.set("vae", nil, in: index) },
        .init(
            "an index with a part that is absent",
            #"MODEL/model_index.json: field "vae": expected [library, class], found [null,null]"#
        ) { try $0.set("vae", .array([.null, .null]), in: index) },
        .init(
            "the refiner of Stable Diffusion XL",
            #"""
            MODEL/model_index.json: field "text_encoder" is not supported with this value: expected two text \#
            encoders; the refiner of Stable Diffusion XL is not supported, use its base model, found [null,null]
            """#
        ) { workshop in
            try workshop.set("text_encoder", .array([.null, .null]), in: index)
            try workshop.set("text_encoder_2", part("transformers", "CLIPTextModelWithProjection"), in: index)
        },
        .init(
            "Stable Diffusion 3",
            #"""
            MODEL/model_index.json: field "transformer" is not supported with this value: expected no such \#
            part, since only Stable Diffusion 1.x, 2.x and XL are supported, found \#
            ["diffusers","SD3Transformer2DModel"]
            """#
        ) { workshop in
            try workshop.set("unet", nil, in: index)
            try workshop.set("transformer", part("diffusers", "SD3Transformer2DModel"), in: index)
        },
        .init(
            "Flux",
            #"""
            MODEL/model_index.json: field "transformer" is not supported with this value: expected no such \#
            part, since only Stable Diffusion 1.x, 2.x and XL are supported, found \#
            ["diffusers","FluxTransformer2DModel"]
            """#
        ) { workshop in
            try workshop.set("unet", nil, in: index)
            try workshop.set("transformer", part("diffusers", "FluxTransformer2DModel"), in: index)
        },
        .init(
            "the denoising network of Stable Diffusion XL with one text encoder",
            #"""
            MODEL/unet/config.json: field "addition_embed_type" is not supported with this value: expected \#
            none, because the model has one text encoder, found "text_time"
            """#
        ) { workshop in
            try workshop.set("addition_embed_type", .string("text_time"), in: "unet/config.json")
            try workshop.set("addition_time_embed_dim", .integer(4), in: "unet/config.json")
            try workshop.set("projection_class_embeddings_input_dim", .integer(30), in: "unet/config.json")
        },
        .init(
            "a text encoder of another kind",
            #"""
            MODEL/model_index.json: field "text_encoder" is not supported with this value: expected \#
            CLIPTextModel, found ["transformers","T5EncoderModel"]
            """#
        ) { workshop in
            try workshop.set("text_encoder", part("transformers", "T5EncoderModel"), in: index)
        },
        .init(
            "an autoencoder of another kind",
            #"""
            MODEL/model_index.json: field "vae" is not supported with this value: expected AutoencoderKL or \#
            AutoencoderTiny, found ["diffusers","VQModel"]
            """#
        ) { workshop in
            try workshop.set("vae", part("diffusers", "VQModel"), in: index)
        },
        .init(
            "the autoencoder of Stable Diffusion 3",
            #"""
            MODEL/vae/config.json: field "shift_factor" is not supported with this value: expected 0 or \#
            null, found 0.0609
            """#
        ) { workshop in
            try workshop.set("shift_factor", .number(0.0609), in: "vae/config.json")
        },
        .init(
            "a field of the wrong kind",
            #"MODEL/unet/config.json: field "in_channels": expected an integer from 1 to 65536, found "four""#
        ) { try $0.set("in_channels", .string("four"), in: "unet/config.json") },
        .init(
            "heads that do not divide the channels",
            #"""
            MODEL/unet/config.json: field "attention_head_dim": expected divisors of block_out_channels, \#
            [12, 24], found 7
            """#
        ) { workshop in
            try workshop.set("attention_head_dim", .integer(7), in: "unet/config.json")
        },
        .init(
            "heads for another number of blocks",
            #"""
            MODEL/unet/config.json: field "attention_head_dim": expected an integer from 1 to 4096, or a \#
            list of 2 of them (one per block), found [5,10,20,20]
            """#
        ) { workshop in
            let heads: [JSONValue] = [.integer(5), .integer(10), .integer(20), .integer(20)]
            try workshop.set("attention_head_dim", .array(heads), in: "unet/config.json")
        },
        .init(
            "a network that reads another image's latents",
            #"""
            MODEL/unet/config.json: field "in_channels": expected the autoencoder's 4 latent channels, or 9 of an \#
            inpainting model, found 8
            """#
        ) { workshop in
            try workshop.set("in_channels", .integer(8), in: "unet/config.json")
        },
        .init(
            "a network that predicts a variance too",
            #"""
            MODEL/unet/config.json: field "out_channels": expected the autoencoder's 4 latent channels, \#
            found 8
            """#
        ) { workshop in
            try workshop.set("out_channels", .integer(8), in: "unet/config.json")
        },
        .init(
            "latents of another width",
            #"""
            MODEL/unet/config.json: field "in_channels": expected the autoencoder's 16 latent channels, or 33 of \#
            an inpainting model, found 4
            """#
        ) { workshop in
            try workshop.set("latent_channels", .integer(16), in: "vae/config.json")
        },
        .init(
            "text of another width",
            #"MODEL/unet/config.json: field "cross_attention_dim": expected the text encoder's 24, found 768"#
        ) { workshop in
            try workshop.set("cross_attention_dim", .integer(768), in: "unet/config.json")
        },
        .init(
            "images without three colour channels",
            #"MODEL/vae/config.json: field "out_channels": expected 3 colours, found 1"#
        ) { workshop in
            try workshop.set("out_channels", .integer(1), in: "vae/config.json")
        },
        .init(
            "a text encoder of fewer positions than the prompts have",
            #"""
            MODEL/text_encoder/config.json: field "max_position_embeddings": expected at least the \#
            tokenizer's 12, found 8
            """#
        ) { workshop in
            try workshop.set("max_position_embeddings", .integer(8), in: "text_encoder/config.json")
        },
        .init(
            "a student without its noise level",
            #"""
            MODEL/one_step.json: field "cumulative_alpha": expected a number from 1e-12 to 1.0, found \#
            nothing
            """#
        ) { workshop in
            try workshop.write(#"{"timestep": 999}"#, to: "one_step.json")
        },
        .init(
            "an unknown noise schedule",
            #"""
            MODEL/scheduler/scheduler_config.json: field "beta_schedule" is not supported with this value: \#
            expected one of "linear", "scaled_linear", "squaredcos_cap_v2", found "sigmoid"
            """#
        ) { workshop in
            try workshop.set("beta_schedule", .string("sigmoid"), in: scheduler)
        },
        .init(
            "Heun's method of flow matching",
            #"""
            MODEL/scheduler/scheduler_config.json: field "_class_name" is not supported with this value: \#
            expected a scheduler of noise levels β, or FlowMatchEulerDiscreteScheduler, \#
            found "FlowMatchHeunDiscreteScheduler"
            """#
        ) { workshop in
            let text = #"{"_class_name": "FlowMatchHeunDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0}"#
            try workshop.write(text, to: scheduler)
        },
        .init(
            "a sampler with flow-matching sigmas",
            #"""
            MODEL/scheduler/scheduler_config.json: field "use_flow_sigmas" is not supported with this value: \#
            expected false or null, found true
            """#
        ) { workshop in
            try workshop.set("use_flow_sigmas", .boolean(true), in: scheduler)
        },
        .init(
            "an unknown prediction type",
            #"""
            MODEL/scheduler/scheduler_config.json: field "prediction_type" is not supported with this value: \#
            expected one of "epsilon", "sample", "v_prediction", "flow_prediction", found "x0"
            """#
        ) { workshop in
            try workshop.set("prediction_type", .string("x0"), in: scheduler)
        },
        .init(
            "flow matching's prediction with noise levels β",
            #"""
            MODEL/scheduler/scheduler_config.json: field "prediction_type" is not supported with this value: \#
            expected epsilon, sample or v_prediction in a schedule of noise levels β, found "flow_prediction"
            """#
        ) { workshop in
            try workshop.set("prediction_type", .string("flow_prediction"), in: scheduler)
        },
    ]

    /// Inconsistent tokenizers, and ones that do not fit the text encoder.
    static let tokenizers: [MalformedCheckpoint] = [
        .init(
            "no vocabulary",
            "MODEL/tokenizer/vocab.json: missing; expected the tokenizer's vocabulary"
        ) { try $0.remove("tokenizer/vocab.json") },
        .init(
            "no merges",
            "MODEL/tokenizer/merges.txt: missing; expected the tokenizer's merges"
        ) { try $0.remove("tokenizer/merges.txt") },
        .init(
            "a merge of three",
            #"""
            MODEL/tokenizer/merges.txt: field "line 2": expected two tokens with a space between, found "h e \#
            y"
            """#
        ) { try $0.write("#version: 0.2\nh e y\n", to: "tokenizer/merges.txt") },
        .init(
            "a merge of unknown tokens",
            #"""
            MODEL/tokenizer/merges.txt: field "line 3": expected tokens of the vocabulary, merged too, found "he \#
            llo</w>"
            """#
        ) { workshop in
            try workshop.write("#version: 0.2\nh e</w>\nhe llo</w>\n", to: "tokenizer/merges.txt")
        },
        .init(
            "ids that are not numbers",
            "MODEL/tokenizer/vocab.json: cannot be read: it is not an object from tokens to ids from 0 to 1000000"
        ) { try $0.write(#"{"a": "b"}"#, to: "tokenizer/vocab.json") },
        .init(
            "a tokenizer.json without merges",
            "MODEL/tokenizer/tokenizer.json: cannot be read: it has no vocabulary and merges of byte-pair encoding"
        ) { workshop in
            try workshop.remove("tokenizer/vocab.json")
            try workshop.write(#"{"model": {"vocab": {"a": 0}}, "added_tokens": []}"#, to: "tokenizer/tokenizer.json")
        },
        .init(
            "a merge of unknown tokens in tokenizer.json",
            #"""
            MODEL/tokenizer/tokenizer.json: field "model.merges[0]": expected tokens of the vocabulary, merged \#
            too, found "a b"
            """#
        ) { workshop in
            try workshop.remove("tokenizer/vocab.json")
            let model = #"{"vocab": {"a": 0, "b": 1, "<|startoftext|>": 2, "<|endoftext|>": 3}, "merges": ["a b"]}"#
            try workshop.write(#"{"model": \#(model), "added_tokens": []}"#, to: "tokenizer/tokenizer.json")
        },
        .init(
            "an unknown padding token",
            #"""
            MODEL/tokenizer/special_tokens_map.json: field "pad_token": expected a token of the vocabulary, \#
            found "<pad>"
            """#
        ) { workshop in
            try workshop.write(#"{"pad_token": "<pad>"}"#, to: "tokenizer/special_tokens_map.json")
        },
        .init(
            "more tokens than the text encoder has",
            #"""
            MODEL/text_encoder/config.json: field "vocab_size": expected at least the tokenizer's 1001, of \#
            which the last is "new</w>", found 60
            """#
        ) { workshop in
            try workshop.set("new</w>", .integer(1000), in: "tokenizer/vocab.json")
        },
        .init(
            "longer prompts than the text encoder takes",
            #"""
            MODEL/text_encoder/config.json: field "max_position_embeddings": expected at least the \#
            tokenizer's 77, found 12
            """#
        ) { workshop in
            try workshop.write(#"{"model_max_length": 77}"#, to: "tokenizer/tokenizer_config.json")
        },
    ]
}
