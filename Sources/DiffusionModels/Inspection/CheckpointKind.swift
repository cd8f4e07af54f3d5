import Foundation

/// The kind of a file or folder of weights, recognised by the names in it.
public enum CheckpointKind: String, Sendable, CaseIterable {
    /// Stable Diffusion 1.x in a single file.
    case stableDiffusion1 = "Stable Diffusion 1.x in a single file"
    /// Stable Diffusion 2.x in a single file.
    case stableDiffusion2 = "Stable Diffusion 2.x in a single file"
    /// Stable Diffusion XL in a single file.
    case stableDiffusionXL = "Stable Diffusion XL in a single file"
    /// Stable Diffusion 3 in a single file.
    case stableDiffusion3 = "Stable Diffusion 3"
    /// Flux in a single file.
    case flux = "Flux"
    /// A ControlNet.
    case controlNet = "a ControlNet"
    /// A LoRA.
    case lora = "a LoRA"
    /// The denoising network of a single file without its text encoder.
    case denoiser = "a denoising network without its text encoder"
    /// An autoencoder by itself.
    case autoencoder = "an autoencoder"
    /// A small autoencoder by itself.
    case tinyAutoencoder = "a small autoencoder (TAESD)"
    /// The encoder of a small autoencoder, which cannot decode images.
    case tinyEncoder = "the encoder of a small autoencoder (TAESD)"
    /// A denoising network in diffusers' layout.
    case diffusersDenoiser = "the denoising network of a diffusers folder"
    /// A text encoder by itself.
    case textEncoder = "a text encoder"
    /// A CLIP model with both towers.
    case clip = "a CLIP model"
    /// A textual inversion.
    case textualInversion = "a textual inversion"
    /// Latents saved by `text-to-image`.
    case latents = "latents"
    /// Another part of a diffusers folder.
    case diffusersPart = "one part of a diffusers folder"
    /// An unknown kind.
    case unknown = "an unknown kind of file"

    /// Recognises a safetensors file by tensor names that no other kind has, most specific first.
    init(tensors names: [String]) {
        func has(_ prefixes: String...) -> Bool {
            names.contains { name in prefixes.contains { name.hasPrefix($0) } }
        }
        self =
            if names.contains(where: {
                LowRankKey.parse($0).map { $0.role != .alpha } ?? LowRankRelative.isTold(by: $0)
            }) {
                .lora
            } else if has("control_model.", "controlnet_cond_embedding.", "input_hint_block.") {
                .controlNet
            } else if has("double_blocks.", "model.diffusion_model.double_blocks.") {
                .flux
            } else if has("joint_blocks.", "model.diffusion_model.joint_blocks.") {
                .stableDiffusion3
            } else if has("conditioner.embedders.", "model.diffusion_model.label_emb.") {
                .stableDiffusionXL
            } else if has(SingleFileCheckpoint.unetPrefix, AveragedNames.prefix) {
                if has(SingleFileCheckpoint.openCLIPPrefix) {
                    .stableDiffusion2
                } else if has(SingleFileCheckpoint.clipPrefix) {
                    .stableDiffusion1
                } else {
                    .denoiser
                }
            } else if TinyAutoencoderLayout(names) != nil {
                .tinyAutoencoder
            } else if has("decoder.up.", "decoder.up_blocks.", "first_stage_model.") {
                .autoencoder
            } else if has("vision_model.", "visual.") {
                .clip
            } else if has("down_blocks.") {
                .diffusersDenoiser
            } else if has("text_model.", "encoder.layers.0.self_attn.", "embeddings.token_embedding.") {
                .textEncoder
            } else if has("encoder.layers.", "taesd_encoder.") || names.contains("0.weight") {
                .tinyEncoder
            } else if names == ["emb_params"] {
                .textualInversion
            } else if names == ["latents"] {
                .latents
            } else {
                .unknown
            }
    }

    /// Recognises a folder that is not a whole model by its files; nil if it is not recognised.
    init?(folder: URL) {
        func has(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: folder.appending(path: name).path)
        }
        if has("adapter_config.json") || has("pytorch_lora_weights.safetensors") {
            self = .lora
            return
        }
        let configuration = folder.appending(path: "config.json")
        guard has("config.json"),
            let fields = try? ConfigurationFields(contentsOf: configuration, purpose: "the configuration of a part")
        else { return nil }
        self =
            switch fields.values["_class_name"] {
            case .string("AutoencoderKL"): .autoencoder
            case .string("AutoencoderTiny"): .tinyAutoencoder
            case .string("UNet2DConditionModel"): .diffusersDenoiser
            default: .diffusersPart
            }
    }

    /// Advice on how to use a file of this kind.
    var advice: String {
        switch self {
        case .stableDiffusion1, .stableDiffusion2, .stableDiffusionXL:
            "load it as a model, with the folder of a tokenizer (--tokenizer)"
        case .lora: "merge it into a model (--lora)"
        case .autoencoder, .tinyAutoencoder: "use it to decode instead of a model's own (--vae)"
        case .denoiser:
            "use the whole model's file or diffusers folder: no option adds a text encoder (--vae adds an autoencoder)"
        case .tinyEncoder: "use the decoder of the same autoencoder (--vae)"
        case .clip: "use it to measure images (evaluate)"
        case .textualInversion: "it adds a token to a model's text encoder"
        case .latents: "start from them (--latents)"
        case .diffusersPart, .diffusersDenoiser, .textEncoder: "name the folder that holds model_index.json"
        default: "only Stable Diffusion 1.x, 2.x and XL are supported"
        }
    }
}
