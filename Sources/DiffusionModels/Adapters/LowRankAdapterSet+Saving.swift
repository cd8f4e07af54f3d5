import Autograd
import Foundation
import Tensor

extension LowRankAdapterSet {
    /// Writes the adapters of a denoising network, so that `peft`, or diffusers' `load_lora_weights`, loads them.
    ///
    /// - Parameters:
    ///   - folder: made if it is missing.
    ///   - layout: for which of the two.
    ///   - scalarType: Float32, Float16 or BFloat16.
    ///
    /// Throws what the file system and `Safetensors.write` throw.
    public func save(to folder: URL, as layout: LowRankLayout = .peft, scalarType: ScalarType = .float32) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let (prefix, file) =
            switch layout {
            case .peft: ("base_model.model.", "adapter_model.safetensors")
            case .diffusers: ("unet.", "pytorch_lora_weights.safetensors")
            }
        let scale = alpha / Float(rank)
        let tensors = parameters.checkpointTensors().map { name, tensor in
            let isScaled = layout == .diffusers && name.hasSuffix(".lora_B.weight")
            return (name: prefix + name, tensor: isScaled ? tensor * scale : tensor)
        }
        try Safetensors.write(
            tensors, scalarType: scalarType, metadata: ["format": "pt"], to: folder.appending(path: file))
        if layout == .peft { try configuration.write(to: folder.appending(path: "adapter_config.json")) }
    }

    private var configuration: JSONValue {
        .object([
            "peft_type": .string("LORA"),
            "r": .integer(rank),
            "lora_alpha": .number(Double(alpha)),
            "target_modules": .array(targets.map { .string($0) }),
            "base_model_name_or_path": .null,
            "bias": .string("none"),
            "inference_mode": .boolean(true),
        ])
    }
}
