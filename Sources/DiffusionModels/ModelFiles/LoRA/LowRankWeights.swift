import Foundation
import Tensor

/// A LoRA file (arXiv 2106.09685): low-rank changes of a model's weights, in any of the common layouts.
///
/// PEFT's (`base_model.model.…lora_A.weight` beside an `adapter_config.json`), three generations of diffusers'
/// (`unet.…lora_A.weight`, `unet.…lora.down.weight`, `unet.…processor.to_q_lora.down.weight`) and kohya's
/// (`lora_unet_…lora_down.weight` with `.alpha`, for convolutions also with `.lora_mid`).
public struct LowRankWeights: Sendable {
    /// The network that a change applies to.
    public enum Part: String, Sendable, CaseIterable {
        /// The denoising network.
        case unet
        /// The text encoder.
        case textEncoder = "text_encoder"
    }

    /// The change of one layer: scale · up · down.
    public struct Layer: Sendable {
        /// The layer's path with underscores in place of dots, because some layouts keep no dots.
        public let flatPath: String
        /// The network that the layer belongs to.
        public let part: Part
        /// The first matrix, `[rank, inputs]`, or for a convolution `[rank, inputs, height, width]`.
        public let down: Tensor
        /// The second matrix, `[outputs, rank]`, or for a convolution `[outputs, rank, 1, 1]`.
        public let up: Tensor
        /// The layer's scale: alpha / rank, or alpha / √rank if the file's configuration has `use_rslora`.
        public let scale: Float

        /// The rank, at least 1.
        public var rank: Int { down.shape[0] }
    }

    /// The changes, sorted by part and path.
    public let layers: [Layer]
    /// The source of the scales, as a phrase: "alpha of each layer", "lora_adapter_metadata", "adapter_config.json", or that there is
    /// none.
    public let scaleSource: String

    init(layers: [Layer], scaleSource: String = "\(LowRankScaling.Source.none)") {
        (self.layers, self.scaleSource) = (layers, scaleSource)
    }
}
