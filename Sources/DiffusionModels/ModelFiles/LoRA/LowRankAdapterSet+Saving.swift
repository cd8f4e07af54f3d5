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
        try layout.write(
            factors(parameters), rank: rank, alpha: alpha, targets: targets, to: folder, scalarType: scalarType)
    }

    /// A and B of each layer, with the values of `parameters`.
    fileprivate func factors(_ parameters: ParameterSet) -> [LowRankLayout.Factors] {
        parameters.all.compactMap { down in
            guard down.path.hasSuffix(".lora_A.weight") else { return nil }
            let path = String(down.path.dropLast(".lora_A.weight".count))
            return parameters["\(path).lora_B.weight"].map {
                .init(part: .unet, path: path, down: down.value, up: $0.value)
            }
        }
    }
}

extension LowRankWeights {
    /// The changes that a denoising network's adapters make.
    ///
    /// - Parameters:
    ///   - adapters: the adapters.
    ///   - values: their values, such as a moving average of them; nil for those that the network has.
    ///   - oneStep: the timesteps of the student that the changes make of a model; nil for none.
    public init(_ adapters: LowRankAdapterSet, values: ParameterSet? = nil, oneStep: OneStepConfiguration? = nil) {
        self.init(
            layers: adapters.factors(values ?? adapters.parameters).map {
                Layer(
                    flatPath: $0.path.replacing(".", with: "_"), part: .unet, down: $0.down, up: $0.up,
                    scale: adapters.alpha / Float(adapters.rank))
            }, scaleSource: "alpha \(adapters.alpha) of the adapters", oneStep: oneStep)
    }
}
