/// What a safetensors file is, by the names of its tensors.
public enum WeightFileKind: String, Sendable, CaseIterable {
    /// Stable Diffusion 1.x in a single file.
    case stableDiffusion1 = "Stable Diffusion 1.x in a single file"
    /// Stable Diffusion 2.x in a single file.
    case stableDiffusion2 = "Stable Diffusion 2.x in a single file"
    /// Stable Diffusion XL in a single file.
    case stableDiffusionXL = "Stable Diffusion XL"
    /// Stable Diffusion 3 in a single file.
    case stableDiffusion3 = "Stable Diffusion 3"
    /// Flux in a single file.
    case flux = "Flux"
    /// A ControlNet.
    case controlNet = "a ControlNet"
    /// A LoRA.
    case lora = "a LoRA"
    /// The denoising network of a single file without the other parts.
    case denoiserOnly = "a denoising network without text encoder and autoencoder"
    /// An autoencoder of a single file or of a diffusers folder.
    case autoencoderOnly = "an autoencoder without the other parts"
    /// One network out of a diffusers folder.
    case diffusersPart = "the weights of one part of a diffusers folder"
    /// Something else.
    case unknown = "a file of tensors that this library does not know"

    /// Tells by names that no other kind has, the more particular first.
    init(_ names: [String]) {
        func has(_ prefixes: String...) -> Bool {
            names.contains { name in prefixes.contains { name.hasPrefix($0) } }
        }
        self =
            if names.contains(where: { LowRankKey.parse($0) != nil && !$0.hasSuffix(".alpha") }) {
                .lora
            } else if has("control_model.", "controlnet_cond_embedding.", "input_hint_block.") {
                .controlNet
            } else if has("double_blocks.", "model.diffusion_model.double_blocks.") {
                .flux
            } else if has("joint_blocks.", "model.diffusion_model.joint_blocks.") {
                .stableDiffusion3
            } else if has("conditioner.embedders.", "model.diffusion_model.label_emb.") {
                .stableDiffusionXL
            } else if has(SingleFileCheckpoint.unetPrefix) {
                if has(SingleFileCheckpoint.openCLIPPrefix) {
                    .stableDiffusion2
                } else if has(SingleFileCheckpoint.clipPrefix) {
                    .stableDiffusion1
                } else {
                    .denoiserOnly
                }
            } else if has("encoder.down.", "first_stage_model.", "decoder.up_blocks.", "decoder.layers.") {
                .autoencoderOnly
            } else if has("down_blocks.", "text_model.") {
                .diffusersPart
            } else {
                .unknown
            }
    }

    /// What to do with it.
    var advice: String {
        switch self {
        case .stableDiffusion1, .stableDiffusion2: "load it as a model, with the folder of a tokenizer"
        case .lora: "merge it into a model (--lora)"
        case .autoencoderOnly: "a diffusers folder of an autoencoder can decode instead of a model's own (--vae)"
        case .diffusersPart: "load the folder that holds model_index.json"
        default: "only Stable Diffusion 1.x and 2.x are supported"
        }
    }
}
