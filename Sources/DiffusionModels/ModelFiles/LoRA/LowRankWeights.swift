import Foundation
import Tensor

/// A LoRA file (arXiv 2106.09685): low-rank changes of a model's weights, in any of the layouts that are passed around.
///
/// PEFT's (`base_model.model.…lora_A.weight` beside an `adapter_config.json`), three generations of diffusers'
/// (`unet.…lora_A.weight`, `unet.…lora.down.weight`, `unet.…processor.to_q_lora.down.weight`) and kohya's
/// (`lora_unet_…lora_down.weight` with `.alpha`, of convolutions also with `.lora_mid`).
public struct LowRankWeights: Sendable {
    /// Which network a change is for.
    public enum Part: String, Sendable, CaseIterable {
        /// The denoising network.
        case unet
        /// The text encoder.
        case textEncoder = "text_encoder"
    }

    /// The change of one layer: scale · up · down.
    public struct Layer: Sendable {
        /// The layer's path with underscores for its dots, which is all that some layouts tell.
        public let flatPath: String
        /// Which network it belongs to.
        public let part: Part
        /// `[rank, inputs]`, or of a convolution `[rank, inputs, height, width]`.
        public let down: Tensor
        /// `[outputs, rank]`, or of a convolution `[outputs, rank, 1, 1]`.
        public let up: Tensor
        /// The layer's own: alpha / rank, or alpha / √rank where the file's configuration has `use_rslora`.
        public let scale: Float

        /// The inner width, at least 1.
        public var rank: Int { down.shape[0] }
    }

    /// The changes, by part and path.
    public let layers: [Layer]
    /// Where the scales are written, as a phrase: "alpha of each layer", "lora_adapter_metadata", "adapter_config.json", or that they
    /// are not.
    public let scaleSource: String

    init(layers: [Layer], scaleSource: String = "\(LowRankScaling.Source.none)") {
        (self.layers, self.scaleSource) = (layers, scaleSource)
    }
}
