import Foundation
import Tensor

extension LowRankLayout {
    /// The two matrices of a layer; its weight changes by scale · up · down.
    struct Factors {
        let part: LowRankWeights.Part
        /// The layer's path in its network.
        let path: String
        let down: Tensor
        let up: Tensor
    }

    /// Writes layers with a common rank and scale into a folder, which is created if it does not exist.
    ///
    /// - Parameters:
    ///   - layers: the layers; in PEFT's layout those of the denoising network only.
    ///   - rank: the rank of all layers.
    ///   - alpha: the scale times the rank.
    ///   - targets: endings of the layers' paths.
    ///   - oneStep: the timesteps of the student that the layers make of a model.
    ///   - folder: the destination.
    ///   - scalarType: Float32, Float16 or BFloat16.
    func write(
        _ layers: [Factors], rank: Int, alpha: Float, targets: [String], oneStep: OneStepConfiguration? = nil,
        to folder: URL, scalarType: ScalarType
    ) throws {
        let tensors = layers.flatMap { layer in
            let name = "\(prefix(layer.part))\(layer.path)"
            let up = self == .peft ? layer.up : layer.up * (alpha / Float(rank))
            return [(name: "\(name).lora_A.weight", tensor: layer.down), (name: "\(name).lora_B.weight", tensor: up)]
        }
        try DurableFile.makeFolder(folder)
        var metadata = ["format": "pt"]
        metadata[OneStepConfiguration.metadataKey] = oneStep.map { "\($0.json)" }
        try Safetensors.write(
            tensors, scalarType: scalarType, metadata: metadata, to: folder.appending(path: fileName))
        guard self == .peft else { return }
        let configuration = JSONValue.object([
            "peft_type": .string("LORA"),
            "r": .integer(rank),
            "lora_alpha": .number(Double(alpha)),
            "target_modules": .array(targets.map { .string($0) }),
            "base_model_name_or_path": .null,
            "bias": .string("none"),
            "inference_mode": .boolean(true),
        ])
        try configuration.write(to: folder.appending(path: Self.configurationName))
    }

    /// The name of the weights file.
    var fileName: String {
        switch self {
        case .peft: "adapter_model.safetensors"
        case .diffusers: "pytorch_lora_weights.safetensors"
        }
    }

    /// The name of PEFT's configuration file, with rank and alpha.
    static let configurationName = "adapter_config.json"

    private func prefix(_ part: LowRankWeights.Part) -> String {
        switch self {
        case .peft: "base_model.model."
        case .diffusers: "\(part.rawValue)."
        }
    }
}
