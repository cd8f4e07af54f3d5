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
            factors(parameters, of: .unet), rank: rank, alpha: alpha, targets: targets, to: folder,
            scalarType: scalarType)
    }

    /// A and B of each layer, with the values of `parameters`.
    fileprivate func factors(
        _ parameters: ParameterSet, of part: LowRankWeights.Part
    ) -> [LowRankLayout.Factors] {
        parameters.all.compactMap { down in
            guard down.path.hasSuffix(".lora_A.weight") else { return nil }
            let path = String(down.path.dropLast(".lora_A.weight".count))
            return parameters["\(path).lora_B.weight"].map {
                .init(part: part, path: path, down: down.value, up: $0.value)
            }
        }
    }
}

extension LowRankWeights {
    /// The changes that adapters of a network make.
    ///
    /// - Parameters:
    ///   - adapters: the adapters.
    ///   - values: their values, such as a moving average of them; nil for those that the network has.
    ///   - part: the network.
    ///   - oneStep: the timesteps of the student that the changes make of a model; nil for none.
    public init(
        _ adapters: LowRankAdapterSet, values: ParameterSet? = nil, of part: Part = .unet,
        oneStep: OneStepConfiguration? = nil
    ) {
        self.init(
            layers: adapters.factors(values ?? adapters.parameters, of: part).map {
                Layer(
                    flatPath: $0.path.replacing(".", with: "_"), part: $0.part, down: $0.down, up: $0.up,
                    scale: adapters.alpha / Float(adapters.rank))
            }, scaleSource: "alpha \(adapters.alpha) of the adapters", oneStep: oneStep)
    }

    /// These changes and those of another network of the same model.
    package func adding(_ other: LowRankWeights) -> LowRankWeights {
        LowRankWeights(layers: layers + other.layers, scaleSource: scaleSource, oneStep: oneStep)
    }
}
