import Foundation
import Tensor

extension LowRankWeights {
    /// Writes the changes, whatever layout they were read from, for `peft` or diffusers' `load_lora_weights`; ``oneStep`` too.
    ///
    /// alpha becomes the rank, and the scales are multiplied into the second matrices. Where ranks differ, smaller matrices are padded with
    /// zeros, because not every version of diffusers reads a file with several ranks.
    ///
    /// - Parameters:
    ///   - folder: created if it does not exist.
    ///   - layout: PEFT's or diffusers' layout; PEFT's supports the denoising network's layers only.
    ///   - model: the model whose layers are changed; it provides their paths, which not every layout keeps.
    ///   - weight: a factor of the changes.
    ///   - scalarType: Float32, Float16 or BFloat16.
    ///
    /// Throws ``ModelError`` when the model has no such layer, its shape does not fit, changes of the text encoder are to be written
    /// in PEFT's layout, or a change is not a LoRA's; and what the file system and `Safetensors.write` throw.
    public func save(
        to folder: URL, as layout: LowRankLayout, for model: TextToImageModel, weight: Float = 1,
        scalarType: ScalarType = .float32
    ) throws {
        if layout == .peft, let other = layers.first(where: { $0.part != .unet }) {
            throw ModelError.invalidArgument(
                operation: "LowRankWeights.save", argument: "layout",
                expected: "diffusers', because PEFT's supports the denoising network only", found: other.flatPath)
        }
        let rank = layers.compactMap(\.rank).max() ?? 1
        let factors = try targets(in: model).map { layer, parameter in
            guard case .product(let up, let down) = layer.form, layer.magnitude == nil else {
                throw ModelError.invalidArgument(
                    operation: "LowRankWeights.save", argument: "layers",
                    expected: "LoRA's; merge other kinds and save the model",
                    found: "\(layer.kind) of \(layer.flatPath)")
            }
            let path = String(parameter.path.dropLast(".weight".count))
            return LowRankLayout.Factors(
                part: layer.part, path: path, down: down.padded(axis: 0, to: rank),
                up: (up * (layer.scale * weight)).padded(axis: 1, to: rank))
        }
        try layout.write(
            factors, rank: rank, alpha: Float(rank), targets: factors.map(\.path), oneStep: oneStep, to: folder,
            scalarType: scalarType)
    }
}

extension Tensor {
    /// Pads an axis with zeros at its end.
    fileprivate func padded(axis: Int, to extent: Int) -> Tensor {
        if shape[axis] == extent { return self }
        var missing = shape
        missing[axis] = extent - shape[axis]
        return .concatenate([self, .zeros(missing)], axis: axis)
    }
}
