import Autograd
import Foundation
import Tensor

extension LowRankAdapterSet {
    /// Writes the adapters of a denoising network for `peft` or diffusers' `load_lora_weights`.
    ///
    /// - Parameters:
    ///   - folder: created if it does not exist.
    ///   - layout: PEFT's or diffusers' layout.
    ///   - scalarType: Float32, Float16 or BFloat16.
    ///
    /// Throws what the file system and `Safetensors.write` throw.
    public func save(to folder: URL, as layout: LowRankLayout = .peft, scalarType: ScalarType = .float32) throws {
        let layers = parameters.all.compactMap { down -> LowRankLayout.Factors? in
            guard down.path.hasSuffix(".lora_A.weight") else { return nil }
            let path = String(down.path.dropLast(".lora_A.weight".count))
            return parameters["\(path).lora_B.weight"].map {
                .init(part: .unet, path: path, down: down.value, up: $0.value)
            }
        }
        try layout.write(layers, rank: rank, alpha: alpha, targets: targets, to: folder, scalarType: scalarType)
    }
}
