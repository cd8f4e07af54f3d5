import Autograd
import Foundation
import Tensor

/// A LoRA file (arXiv 2106.09685): low-rank changes of a model's weights, in any of the layouts that are passed around.
///
/// PEFT's (`base_model.model.…lora_A.weight` beside an `adapter_config.json`), three generations of diffusers'
/// (`unet.…lora_A.weight`, `unet.…lora.down.weight`, `unet.…processor.to_q_lora.down.weight`) and kohya's
/// (`lora_unet_…lora_down.weight` with `.alpha`).
public struct LowRankWeights: Sendable {
    /// Which network a change is for.
    public enum Part: String, Sendable {
        /// The denoising network.
        case unet
        /// The text encoder.
        case textEncoder = "text_encoder"
    }

    /// The change of one layer: scale · up · down.
    public struct Layer: Sendable {
        /// The layer's path with underscores for its dots, which is all that some layouts tell.
        public let flatPath: String
        /// Which network it belongs to.
        public let part: Part
        /// `[rank, inputs]`, or of a convolution `[rank, inputs, height, width]`.
        public let down: Tensor
        /// `[outputs, rank]`, or of a convolution `[outputs, rank, 1, 1]`.
        public let up: Tensor
        /// alpha / rank.
        public let scale: Float
    }

    /// The changes, by part and path.
    public let layers: [Layer]

    init(layers: [Layer]) { self.layers = layers }

    /// Reads a file, or a folder with `adapter_model.safetensors` or `pytorch_lora_weights.safetensors`.
    ///
    /// Throws ``ModelError`` for names that are no LoRA's, halves without their other half, or ranks that differ, and
    /// `SafetensorsError`.
    public init(contentsOf url: URL) throws {
        let file = Self.weightsFile(at: url)
        let tensors = try SafetensorsFile(contentsOf: file)
        let defaultAlpha = try Self.configuredAlpha(beside: file)
        var halves: [LowRankKey: [LowRankKey.Role: Tensor]] = [:]
        for name in tensors.names {
            guard let (key, role) = LowRankKey.parse(name) else {
                throw ModelError.unreadableFile(
                    path: file.path, reason: "tensor \"\(name)\" is in none of the layouts of LoRA files")
            }
            halves[key, default: [:]][role] = try tensors.tensor(name)
        }
        layers = try halves.sorted { $0.key < $1.key }.map { key, roles in
            guard let down = roles[.down], let up = roles[.up] else {
                throw ModelError.unreadableFile(
                    path: file.path, reason: "\"\(key.flatPath)\" has only one of its two matrices")
            }
            guard down.rank >= 2, up.rank == down.rank, up.shape[1] == down.shape[0] else {
                throw ModelError.unreadableFile(
                    path: file.path,
                    reason: "\"\(key.flatPath)\": expected matrices of one rank, found \(down.shape) and \(up.shape)")
            }
            let rank = Float(down.shape[0])
            let alpha = roles[.alpha].map { $0.item } ?? defaultAlpha ?? rank
            return Layer(flatPath: key.flatPath, part: key.part, down: down, up: up, scale: alpha / rank)
        }
        if layers.isEmpty {
            throw ModelError.unreadableFile(path: file.path, reason: "there is no tensor in it")
        }
    }

    private static func weightsFile(at url: URL) -> URL {
        let candidates = LowRankLayout.allCases.map { url.appending(path: $0.fileName) }
        return candidates.first { FileManager.default.fileExists(atPath: $0.path) } ?? url
    }

    /// `lora_alpha` of PEFT's configuration; nil where there is none, which means alpha = rank.
    private static func configuredAlpha(beside file: URL) throws -> Float? {
        let configuration = file.deletingLastPathComponent().appending(path: LowRankLayout.configurationName)
        guard FileManager.default.fileExists(atPath: configuration.path) else { return nil }
        let fields = try ConfigurationFields(contentsOf: configuration, purpose: "the adapter's configuration")
        return Float(try fields.number("lora_alpha", default: 8, in: 1e-6...1e6))
    }
}
