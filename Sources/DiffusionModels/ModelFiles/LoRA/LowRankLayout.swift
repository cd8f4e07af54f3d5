/// How a LoRA file names its matrices, of the layouts that are written; more are read: ``LowRankWeights``.
public enum LowRankLayout: Sendable, CaseIterable {
    /// PEFT's: a folder with `adapter_model.safetensors` and `adapter_config.json`, which has rank and alpha.
    case peft
    /// diffusers': `pytorch_lora_weights.safetensors`, without alpha, which is then the rank; the scale goes into the second
    /// matrix.
    case diffusers
}
