import Foundation
import Testing

@testable import DiffusionModels

/// A configuration with one wrong field, and the field that the error must name.
struct WrongField: Sendable, CustomTestStringConvertible {
    let json: String
    let field: String
    var isUnsupported = false

    var testDescription: String { json }
}

@Suite("Configuration errors")
struct ConfigurationErrorTests {
    static let unet: [WrongField] = [
        .init(json: #"[]"#, field: ""),
        .init(json: #"{"in_channels": "four"}"#, field: "in_channels"),
        .init(json: #"{"in_channels": 0}"#, field: "in_channels"),
        .init(json: #"{"in_channels": 4.5}"#, field: "in_channels"),
        .init(json: #"{"out_channels": 1e300}"#, field: "out_channels"),
        .init(json: #"{"sample_size": [1, 2, 3]}"#, field: "sample_size"),
        .init(json: #"{"block_out_channels": []}"#, field: "block_out_channels"),
        .init(json: #"{"block_out_channels": 320}"#, field: "block_out_channels"),
        .init(json: #"{"block_out_channels": [320, null]}"#, field: "block_out_channels"),
        .init(json: #"{"block_out_channels": [320, 640, 1280, 1290]}"#, field: "block_out_channels"),
        .init(json: #"{"block_out_channels": [320, 640]}"#, field: "down_block_types"),
        .init(json: #"{"down_block_types": ["DownBlock2D"]}"#, field: "down_block_types"),
        .init(
            json: #"{"down_block_types": ["AttnDownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D"]}"#,
            field: "down_block_types", isUnsupported: true),
        .init(
            json: #"{"up_block_types": [1, "UpBlock2D", "UpBlock2D", "UpBlock2D"]}"#, field: "up_block_types"),
        .init(json: #"{"layers_per_block": [1, 2]}"#, field: "layers_per_block"),
        .init(json: #"{"layers_per_block": 0}"#, field: "layers_per_block"),
        .init(json: #"{"attention_head_dim": 7}"#, field: "attention_head_dim"),
        .init(json: #"{"attention_head_dim": [5, 10, 20]}"#, field: "attention_head_dim"),
        .init(json: #"{"num_attention_heads": [5, 10, 20, 0]}"#, field: "num_attention_heads"),
        .init(json: #"{"num_attention_heads": 9}"#, field: "num_attention_heads"),
        .init(json: #"{"cross_attention_dim": {}}"#, field: "cross_attention_dim"),
        .init(json: #"{"norm_num_groups": null}"#, field: "norm_num_groups"),
        .init(json: #"{"norm_num_groups": 7}"#, field: "block_out_channels"),
        .init(json: #"{"norm_eps": 0}"#, field: "norm_eps"),
        .init(json: #"{"act_fn": "mish"}"#, field: "act_fn", isUnsupported: true),
        .init(json: #"{"act_fn": 1}"#, field: "act_fn"),
        .init(json: #"{"use_linear_projection": 1}"#, field: "use_linear_projection"),
        .init(json: #"{"conv_in_kernel": 4}"#, field: "conv_in_kernel"),
        .init(json: #"{"mid_block_type": 1}"#, field: "mid_block_type"),
        .init(
            json: #"{"mid_block_type": "UNetMidBlock2DSimpleCrossAttn"}"#, field: "mid_block_type", isUnsupported: true),
        .init(json: #"{"only_cross_attention": true}"#, field: "only_cross_attention", isUnsupported: true),
        .init(
            json: #"{"only_cross_attention": [true, true, false, false]}"#, field: "only_cross_attention",
            isUnsupported: true),
        .init(json: #"{"dual_cross_attention": true}"#, field: "dual_cross_attention", isUnsupported: true),
        .init(json: #"{"addition_embed_type": "text"}"#, field: "addition_embed_type", isUnsupported: true),
        .init(json: #"{"addition_time_embed_dim": 8}"#, field: "addition_time_embed_dim", isUnsupported: true),
        .init(
            json: #"{"addition_embed_type": "text_time", "addition_time_embed_dim": 7}"#,
            field: "addition_time_embed_dim"),
        .init(
            json:
                #"{"addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 48}"#,
            field: "projection_class_embeddings_input_dim"),
        .init(
            json: #"{"transformer_layers_per_block": [1, [2, 1], 1, 1]}"#,
            field: "reverse_transformer_layers_per_block"),
        .init(json: #"{"transformer_layers_per_block": [1, [2], 1, 1]}"#, field: "transformer_layers_per_block"),
        .init(json: #"{"class_embed_type": "timestep"}"#, field: "class_embed_type", isUnsupported: true),
        .init(json: #"{"time_cond_proj_dim": 2}"#, field: "time_cond_proj_dim"),
        .init(
            json: #"{"resnet_time_scale_shift": "scale_shift"}"#, field: "resnet_time_scale_shift",
            isUnsupported: true),
        .init(json: #"{"dropout": 0.1}"#, field: "dropout", isUnsupported: true),
        .init(json: #"{"time_embedding_type": "fourier"}"#, field: "time_embedding_type", isUnsupported: true),
        .init(json: #"{"_class_name": "UNet2DModel"}"#, field: "_class_name", isUnsupported: true),
    ]

    static let autoencoder: [WrongField] = [
        .init(json: #"{"block_out_channels": [64, 100]}"#, field: "block_out_channels"),
        .init(json: #"{"latent_channels": -4}"#, field: "latent_channels"),
        .init(json: #"{"layers_per_block": [1]}"#, field: "layers_per_block"),
        .init(json: #"{"scaling_factor": 0}"#, field: "scaling_factor"),
        .init(json: #"{"scaling_factor": "big"}"#, field: "scaling_factor"),
        .init(json: #"{"use_quant_conv": "no"}"#, field: "use_quant_conv"),
        .init(json: #"{"shift_factor": 0.1159}"#, field: "shift_factor", isUnsupported: true),
        .init(json: #"{"latents_mean": [0.5, 0, 0, 0]}"#, field: "latents_mean", isUnsupported: true),
        .init(
            json: #"{"down_block_types": ["AttnDownEncoderBlock2D"]}"#, field: "down_block_types", isUnsupported: true),
        .init(
            json: #"{"up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"]}"#, field: "up_block_types"),
    ]

    static let textEncoder: [WrongField] = [
        .init(json: #"{"vocab_size": 0}"#, field: "vocab_size"),
        .init(json: #"{"vocab_size": 99999999999999999999}"#, field: "vocab_size"),
        .init(json: #"{"hidden_size": true}"#, field: "hidden_size"),
        .init(json: #"{"num_attention_heads": 7}"#, field: "num_attention_heads"),
        .init(json: #"{"max_position_embeddings": "77"}"#, field: "max_position_embeddings"),
        .init(json: #"{"hidden_act": "swiglu"}"#, field: "hidden_act", isUnsupported: true),
        .init(json: #"{"layer_norm_eps": null}"#, field: "layer_norm_eps"),
        .init(json: #"{"model_type": "t5"}"#, field: "model_type", isUnsupported: true),
    ]

    static let scheduler: [WrongField] = [
        .init(json: #"{"num_train_timesteps": 0}"#, field: "num_train_timesteps"),
        .init(json: #"{"beta_start": 2}"#, field: "beta_start"),
        .init(json: #"{"beta_schedule": "exp"}"#, field: "beta_schedule", isUnsupported: true),
        .init(json: #"{"prediction_type": "flow"}"#, field: "prediction_type", isUnsupported: true),
        .init(json: #"{"trained_betas": [0.1]}"#, field: "trained_betas"),
        .init(json: #"{"num_train_timesteps": 1, "trained_betas": [1.5]}"#, field: "trained_betas"),
        .init(json: #"{"steps_offset": -1}"#, field: "steps_offset"),
        .init(json: #"{"use_flow_sigmas": true}"#, field: "use_flow_sigmas", isUnsupported: true),
        .init(json: #"{"clip_sample": 0}"#, field: "clip_sample"),
        .init(json: #"{"prediction_type": "flow_prediction"}"#, field: "prediction_type", isUnsupported: true),
        .init(json: #"{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 0}"#, field: "shift"),
        .init(
            json: #"{"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true}"#,
            field: "use_dynamic_shifting", isUnsupported: true),
        .init(
            json: #"{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift_terminal": 0.1}"#,
            field: "shift_terminal", isUnsupported: true),
    ]

    static let oneStep: [WrongField] = [
        .init(json: #"{}"#, field: "timestep"),
        .init(json: #"{"timestep": 999}"#, field: "cumulative_alpha"),
        .init(json: #"{"timestep": 999, "cumulative_alpha": 0}"#, field: "cumulative_alpha"),
        .init(json: #"{"timestep": -1, "cumulative_alpha": 0.5}"#, field: "timestep"),
        .init(json: #"{"timestep": 999, "cumulative_alpha": 0.5, "sigma": -0.1}"#, field: "sigma"),
        .init(json: #"{"timestep": 999, "cumulative_alpha": 0.5, "later_steps": 3}"#, field: "later_steps"),
        .init(
            json: #"{"timestep": 999, "cumulative_alpha": 0.5, "later_steps": [{"timestep": 9}]}"#,
            field: "later_steps[0].cumulative_alpha"),
        .init(
            json:
                #"{"timestep": 9, "cumulative_alpha": 0.5, "later_steps": [{"timestep": 9, "cumulative_alpha": 0.6}]}"#,
            field: "later_steps"),
    ]

    @Test("Invalid fields of the denoising network are named in the error", arguments: unet)
    func unetField(wrong: WrongField) { expectError(wrong, UNet2DConditionModel.Configuration.self) }

    @Test("Invalid fields of the autoencoder are named in the error", arguments: autoencoder)
    func autoencoderField(wrong: WrongField) { expectError(wrong, AutoencoderKL.Configuration.self) }

    @Test("Invalid fields of the text encoder are named in the error", arguments: textEncoder)
    func textEncoderField(wrong: WrongField) { expectError(wrong, CLIPTextModel.Configuration.self) }

    @Test("Invalid fields of the scheduler are named in the error", arguments: scheduler)
    func schedulerField(wrong: WrongField) { expectError(wrong, NoiseSchedule.Configuration.self) }

    @Test("Invalid fields of one_step.json are named in the error", arguments: oneStep)
    func oneStepField(wrong: WrongField) { expectError(wrong, OneStepConfiguration.self) }

    private func expectError<Configuration: Decodable>(_ wrong: WrongField, _ type: Configuration.Type) {
        do {
            _ = try JSONDecoder().decode(type, from: Data(wrong.json.utf8))
            Issue.record("no error")
        } catch ModelError.invalidField(let file, let field, let expected, let found) {
            #expect(field == wrong.field)
            #expect(!wrong.isUnsupported && !file.isEmpty && !expected.isEmpty && !found.isEmpty)
        } catch ModelError.unsupportedField(let file, let field, let expected, let found) {
            #expect(field == wrong.field)
            #expect(wrong.isUnsupported && !file.isEmpty && !expected.isEmpty && !found.isEmpty)
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test("Empty configurations get diffusers' defaults, and written ones are read back")
    func defaults() throws {
        try expectDefault(UNet2DConditionModel.Configuration())
        try expectDefault(AutoencoderKL.Configuration())
        try expectDefault(CLIPTextModel.Configuration())
        try expectDefault(NoiseSchedule.Configuration())
    }

    private func expectDefault<Configuration: Codable & Equatable>(_ expected: Configuration) throws {
        let read = try JSONDecoder().decode(Configuration.self, from: Data("{}".utf8))
        #expect(read == expected)
        let written = try JSONEncoder().encode(read)
        #expect(try JSONDecoder().decode(Configuration.self, from: written) == expected)
    }

    @Test("A single number applies to every block, and attention_head_dim is the number of heads")
    func perBlock() throws {
        let text = """
            {"block_out_channels": [32, 64], "norm_num_groups": 8, "attention_head_dim": [2, 4], "layers_per_block": 1,
             "cross_attention_dim": 24, "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
             "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"], "num_attention_heads": null, "sample_size": [8, 16]}
            """
        let read = try JSONDecoder().decode(UNet2DConditionModel.Configuration.self, from: Data(text.utf8))
        #expect(read.headCounts == [2, 4])
        #expect(read.layersPerBlock == [1, 1])
        #expect(read.crossAttentionWidths == [24, 24])
        #expect(read.sampleSize == LatentSize(height: 8, width: 16))
        let written = try JSONEncoder().encode(read)
        #expect(try JSONDecoder().decode(UNet2DConditionModel.Configuration.self, from: written) == read)
        let wins = text.replacing("\"num_attention_heads\": null", with: "\"num_attention_heads\": [1, 2]")
        let other = try JSONDecoder().decode(UNet2DConditionModel.Configuration.self, from: Data(wins.utf8))
        #expect(other.headCounts == [1, 2])
    }
}
