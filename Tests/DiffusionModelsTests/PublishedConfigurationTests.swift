import Autograd
import Foundation
import Tensor
import Testing

@testable import DiffusionModels

/// Published configurations, including those of early versions of diffusers with fewer fields.
@Suite("Published configurations")
struct PublishedConfigurationTests {
    private func read<Configuration: Decodable>(_ type: Configuration.Type, _ json: String) throws -> Configuration {
        try JSONDecoder().decode(type, from: Data(json.utf8))
    }

    /// `unet/config.json` of Stable Diffusion 1.4, written by diffusers 0.2.
    private static let firstUNet = """
        {"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.2.2", "act_fn": "silu", "attention_head_dim": 8,
         "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": false, "cross_attention_dim": 768,
         "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
         "downsample_padding": 1, "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
         "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "out_channels": 4, "sample_size": 64,
         "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]}
        """

    /// The fields of Stable Diffusion 2.1 (768, v) that differ from 1.4's.
    private static let secondUNet = """
        {"attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024, "dual_cross_attention": false,
         "num_class_embeds": null, "only_cross_attention": false, "sample_size": 96, "upcast_attention": true,
         "use_linear_projection": true}
        """

    @Test("A single number of heads applies to every block, and missing fields get their defaults")
    func firstUNet() throws {
        let configuration = try read(UNet2DConditionModel.Configuration.self, Self.firstUNet)
        #expect(configuration.headCounts == [8, 8, 8, 8])
        #expect(!configuration.usesLinearProjection && !configuration.upcastsAttention)
        #expect(configuration.sampleSize == LatentSize(height: 64, width: 64))
        let network = UNet2DConditionModel(configuration, in: ParameterSet().scope)
        #expect(network.parameters.scalarCount == 859_520_964)
    }

    @Test("A list of heads has one number per block; upcast_attention is kept for saving")
    func secondUNet() throws {
        let configuration = try read(UNet2DConditionModel.Configuration.self, Self.secondUNet)
        #expect(configuration.headCounts == [5, 10, 20, 20])
        #expect(configuration.usesLinearProjection && configuration.upcastsAttention)
        let written = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(configuration))
        guard case .object(let fields) = written else { return #expect(Bool(false), "\(written)") }
        #expect(fields["upcast_attention"] == .boolean(true))
        let network = UNet2DConditionModel(configuration, in: ParameterSet().scope)
        #expect(network.parameters.scalarCount == 865_910_724)
    }

    @Test("BK-SDM's networks have the same parameter counts as in diffusers", arguments: ["tiny", "small", "base"])
    func blockRemoval(size: String) throws {
        let blocks = { (name: String) in #"["\#(name)", "\#(name)", "\#(name)"]"# }
        let tiny = """
            , "block_out_channels": [320, 640, 1280], "down_block_types": \(blocks("CrossAttnDownBlock2D")),
            "up_block_types": \(blocks("CrossAttnUpBlock2D"))
            """
        let middle = size == "base" ? "" : #", "mid_block_type": null"#
        let text = #"{"layers_per_block": 1, "cross_attention_dim": 768\#(middle)\#(size == "tiny" ? tiny : "")}"#
        let configuration = try read(UNet2DConditionModel.Configuration.self, text)
        let network = UNet2DConditionModel(configuration, in: ParameterSet().scope)
        #expect(
            network.parameters.scalarCount == ["tiny": 323_384_964, "small": 482_346_884, "base": 579_384_964][size])
        let written = try JSONEncoder().encode(configuration)
        #expect(try JSONDecoder().decode(UNet2DConditionModel.Configuration.self, from: written) == configuration)
    }

    @Test("An autoencoder without scaling_factor has Stable Diffusion's")
    func firstAutoencoder() throws {
        let configuration = try read(
            AutoencoderKL.Configuration.self,
            """
            {"_class_name": "AutoencoderKL", "_diffusers_version": "0.2.2", "act_fn": "silu",
             "block_out_channels": [128, 256, 512, 512], "in_channels": 3, "latent_channels": 4, "layers_per_block": 2,
             "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
             "out_channels": 3, "sample_size": 512,
             "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}
            """)
        #expect(configuration.scalingFactor == 0.18215)
        #expect(configuration.normalizationGroups == 32)
        let model = AutoencoderKL(configuration, in: ParameterSet().scope)
        #expect(model.parameters.scalarCount == 83_653_863)
    }

    @Test("The text encoders: 12 layers and quick_gelu, 23 and gelu; ids in the configuration are not the tokenizer's")
    func textEncoders() throws {
        let first = try read(
            CLIPTextModel.Configuration.self,
            """
            {"_name_or_path": "openai/clip-vit-large-patch14", "architectures": ["CLIPTextModel"], "bos_token_id": 0,
             "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 768, "intermediate_size": 3072,
             "layer_norm_eps": 1e-05, "max_position_embeddings": 77, "model_type": "clip_text_model",
             "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 1, "projection_dim": 768,
             "torch_dtype": "float32", "vocab_size": 49408}
            """)
        #expect((first.layers, first.heads, first.activation) == (12, 12, .quickGELU))
        #expect((first.startToken, first.endToken, first.paddingToken) == (0, 2, 1))
        #expect(CLIPTextModel(first, in: ParameterSet().scope).parameters.scalarCount == 123_060_480)
        let second = try read(
            CLIPTextModel.Configuration.self,
            """
            {"architectures": ["CLIPTextModel"], "hidden_act": "gelu", "hidden_size": 1024, "intermediate_size": 4096,
             "max_position_embeddings": 77, "model_type": "clip_text_model", "num_attention_heads": 16,
             "num_hidden_layers": 23, "projection_dim": 512, "vocab_size": 49408}
            """)
        #expect((second.layers, second.heads, second.activation) == (23, 16, .gelu))
        #expect(CLIPTextModel(second, in: ParameterSet().scope).parameters.scalarCount == 340_387_840)
    }

    static let schedulers = [
        #""_class_name": "PNDMScheduler", "skip_prk_steps": true, "steps_offset": 1, "set_alpha_to_one": false"#,
        #""_class_name": "DDIMScheduler", "clip_sample": false, "set_alpha_to_one": false, "steps_offset": 1"#,
        #""_class_name": "DDPMScheduler", "clip_sample": false, "variance_type": "fixed_small""#,
        #""_class_name": "EulerDiscreteScheduler", "interpolation_type": "linear", "use_karras_sigmas": false"#,
        #""_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing""#,
        #""_class_name": "LMSDiscreteScheduler""#,
        #""_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++", "solver_order": 2"#,
    ]

    @Test("The noise schedule is read from every scheduler's configuration", arguments: schedulers)
    func scheduler(fields: String) throws {
        let json = """
            {"beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000,
             "trained_betas": null, \(fields)}
            """
        let configuration = try read(NoiseSchedule.Configuration.self, json)
        #expect(try NoiseSchedule(configuration).cumulativeAlphas == NoiseSchedule.scaledLinear().cumulativeAlphas)
        #expect(configuration.predictionType == .epsilon && !configuration.clipsSample)
    }

    @Test("v-prediction, zero terminal SNR and trailing timesteps, as in files after arXiv 2305.08891")
    func zeroTerminalSignal() throws {
        let configuration = try read(
            NoiseSchedule.Configuration.self,
            """
            {"_class_name": "DDIMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
             "clip_sample": false, "prediction_type": "v_prediction", "rescale_betas_zero_snr": true,
             "timestep_spacing": "trailing"}
            """)
        #expect(configuration.predictionType == .velocity && configuration.timestepSpacing == .trailing)
        let (rescaled, plain) = (try NoiseSchedule(configuration), NoiseSchedule.scaledLinear())
        #expect(rescaled.cumulativeAlphas[999] == 0)
        #expect(abs(rescaled.cumulativeAlphas[0] - plain.cumulativeAlphas[0]) <= 1e-15)
        // √ᾱ′ = (√ᾱ − √ᾱ_999) √ᾱ_0 / (√ᾱ_0 − √ᾱ_999) with the table's ᾱ_0, ᾱ_500 and ᾱ_999.
        let roots = [0.9991500000, 0.2763326838, 0.0046600985].map { $0.squareRoot() }
        let expected = (roots[1] - roots[2]) * roots[0] / (roots[0] - roots[2])
        #expect(abs(rescaled.alpha(500) - expected) <= 1e-9)
        #expect(TimestepSpacing.trailing.timesteps(steps: 4, of: 1000, offset: 0) == [999, 749, 499, 249])
    }

    @Test("trained_betas replaces the beta schedule")
    func trainedBetas() throws {
        let configuration = try read(
            NoiseSchedule.Configuration.self, #"{"num_train_timesteps": 3, "trained_betas": [0.5, 0.25, 0.75]}"#)
        #expect(try NoiseSchedule(configuration).cumulativeAlphas == [0.5, 0.375, 0.09375])
    }
}
