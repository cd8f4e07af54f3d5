import Foundation
import Tensor

extension LowRankWeights {
    /// Writes the changes, of whatever layout they were read, so that `peft` or diffusers' `load_lora_weights` loads them.
    ///
    /// alpha becomes the rank and the scales go into the second matrices. Where ranks differ, the smaller are filled up with zeros,
    /// because not every version of diffusers reads a file of several.
    ///
    /// - Parameters:
    ///   - folder: made if it is missing.
    ///   - layout: for which of the two; PEFT's has the denoising network's layers alone.
    ///   - model: whose layers are changed: not every layout tells their paths.
    ///   - weight: how strongly.
    ///   - scalarType: Float32, Float16 or BFloat16.
    ///
    /// Throws ``ModelError`` when a layer is not the model's, its shape does not fit, or PEFT's layout is asked for changes of the
    /// text encoder; and what the file system and `Safetensors.write` throw.
    public func save(
        to folder: URL, as layout: LowRankLayout, for model: TextToImageModel, weight: Float = 1,
        scalarType: ScalarType = .float32
    ) throws {
        if layout == .peft, let other = layers.first(where: { $0.part != .unet }) {
            throw ModelError.invalidArgument(
                operation: "LowRankWeights.save", argument: "layout",
                expected: "diffusers', because PEFT's has the denoising network's layers alone", found: other.flatPath)
        }
        let rank = layers.map(\.rank).max() ?? 1
        let factors = try targets(in: model).map { layer, parameter in
            let path = String(parameter.path.dropLast(".weight".count))
            let up = layer.up * (layer.scale * weight)
            return LowRankLayout.Factors(
                part: layer.part, path: path, down: layer.down.padded(axis: 0, to: rank),
                up: up.padded(axis: 1, to: rank))
        }
        try layout.write(
            factors, rank: rank, alpha: Float(rank), targets: factors.map(\.path), to: folder, scalarType: scalarType)
    }
}

extension Tensor {
    /// With zeros at the end of an axis.
    fileprivate func padded(axis: Int, to extent: Int) -> Tensor {
        if shape[axis] == extent { return self }
        var missing = shape
        missing[axis] = extent - shape[axis]
        return .concatenate([self, .zeros(missing)], axis: axis)
    }
}
