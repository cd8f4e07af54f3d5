import Foundation
import Tensor

/// A LoRA file: low-rank changes of a model's weights, in any of the common layouts.
///
/// Besides LoRA (arXiv 2106.09685), changes may be LoHa's (arXiv 2108.06098), LoKr's (arXiv 2309.14859), or whole differences, each with the norms
/// of DoRA (arXiv 2402.09353). Layouts are PEFT's (`base_model.model.…lora_A.weight` beside an `adapter_config.json`), three generations of diffusers'
/// (`unet.…lora_A.weight`, `unet.…lora.down.weight`, `unet.…processor.to_q_lora.down.weight`) and kohya's
/// (`lora_unet_…lora_down.weight` with `.alpha`, for convolutions also with `.lora_mid`).
public struct LowRankWeights: Sendable {
    /// The network that a change applies to.
    public enum Part: String, Sendable, CaseIterable {
        /// The denoising network.
        case unet
        /// The text encoder, of two the first.
        case textEncoder = "text_encoder"
        /// The second text encoder of Stable Diffusion XL.
        case textEncoder2 = "text_encoder_2"
    }

    /// The change of one layer.
    public struct Layer: Sendable {
        /// The layer's path with underscores in place of dots, because some layouts keep no dots.
        public let flatPath: String
        /// The network that the layer belongs to.
        public let part: Part
        /// The layer's scale: alpha / rank, or alpha / √rank if the file's configuration has `use_rslora`.
        public let scale: Float
        let form: LowRankForm
        let magnitude: LowRankMagnitude?

        init(flatPath: String, part: Part, form: LowRankForm, magnitude: LowRankMagnitude? = nil, scale: Float) {
            (self.flatPath, self.part, self.form) = (flatPath, part, form)
            (self.magnitude, self.scale) = (magnitude, scale)
        }

        init(flatPath: String, part: Part, down: Tensor, up: Tensor, scale: Float) {
            self.init(flatPath: flatPath, part: part, form: .product(up: up, down: down), scale: scale)
        }

        /// The rank, at least 1; nil where the file has no matrix of that rank, as for LoKr's whole factors.
        public var rank: Int? { form.rank }

        /// The kind of the change: "LoRA", "DoRA", "LoHa", "LoKr" or "full difference"; with DoRA's norms also "LoHa with DoRA" and so on.
        public var kind: String {
            if magnitude == nil { return form.name }
            if case .product = form { return "DoRA" }
            return "\(form.name) with DoRA"
        }

        /// The numbers that the file stores.
        var parameterCount: Int { form.count + (magnitude?.count ?? 0) }
    }

    /// The changes, sorted by part and path.
    public let layers: [Layer]
    /// The source of the scales, as a phrase: "alpha of each layer", "lora_adapter_metadata", "adapter_config.json", or that there is
    /// none.
    public let scaleSource: String
    /// The timesteps of the student that the changes make of a model; nil for changes that make none. It is the file's metadata entry
    /// `one_step`, with the fields of a student's `one_step.json`.
    public let oneStep: OneStepConfiguration?

    init(
        layers: [Layer], scaleSource: String = "\(LowRankScaling.Source.none)", oneStep: OneStepConfiguration? = nil
    ) {
        (self.layers, self.scaleSource, self.oneStep) = (layers, scaleSource, oneStep)
    }

    /// The changes of one network; nil if there are none.
    func of(_ part: Part) -> LowRankWeights? {
        let own = layers.filter { $0.part == part }
        return own.isEmpty ? nil : LowRankWeights(layers: own, scaleSource: scaleSource)
    }
}
