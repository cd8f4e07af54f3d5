import Autograd
import Foundation
import Tensor

extension LowRankAdapterSet {
    /// Writes the adapters as PEFT does, `adapter_model.safetensors` and `adapter_config.json`, so that `peft` loads them.
    ///
    /// - Parameters:
    ///   - folder: made if it is missing.
    ///   - scalarType: Float32, Float16 or BFloat16.
    ///
    /// Throws what the file system and `Safetensors.write` throw.
    public func save(to folder: URL, scalarType: ScalarType = .float32) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let tensors = parameters.checkpointTensors().map { (name: "base_model.model.\($0.name)", tensor: $0.tensor) }
        try Safetensors.write(
            tensors, scalarType: scalarType, metadata: ["format": "pt"],
            to: folder.appending(path: "adapter_model.safetensors"))
        let configuration = JSONValue.object([
            "peft_type": .string("LORA"),
            "r": .integer(rank),
            "lora_alpha": .number(Double(alpha)),
            "target_modules": .array(targets.map { .string($0) }),
            "base_model_name_or_path": .null,
            "bias": .string("none"),
            "inference_mode": .boolean(true),
        ])
        try configuration.write(to: folder.appending(path: "adapter_config.json"))
    }
}
