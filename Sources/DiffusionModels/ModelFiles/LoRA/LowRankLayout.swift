/// A layout in which LoRA files are written. More layouts are read, see ``LowRankWeights``.
public enum LowRankLayout: Sendable, CaseIterable {
    /// PEFT's layout: a folder with `adapter_model.safetensors`, and `adapter_config.json` with rank and alpha.
    case peft
    /// diffusers' layout: `pytorch_lora_weights.safetensors` without alpha, which then equals the rank; the second matrix includes
    /// the scale.
    case diffusers
}
