import Foundation
import Tensor

/// The fields of `config.json` of diffusers' `PixArtTransformer2DModel` that change the network.
public struct PixArtConfiguration: Codable, Sendable, Equatable {
    /// Attention heads.
    public var numAttentionHeads = 16
    /// The width of each head.
    public var attentionHeadDim = 72
    /// The channels of the latents.
    public var inChannels = 4
    /// The channels of the output: the latents', or twice as many for networks that predict variances too.
    public var outChannels = 8
    /// Blocks.
    public var numLayers = 28
    /// The width of what the attention to the text reads; nil for the network's.
    public var crossAttentionDim: Int? = 1152
    /// Whether queries, keys and values have biases.
    public var attentionBias = true
    /// Height and width of the latents that the network was trained on.
    public var sampleSize = 128
    /// Height and width of a patch.
    public var patchSize = 2
    /// The width of the text's embeddings; nil for the network's, without a projection.
    public var captionChannels: Int? = 4096
    /// The factor by which positions are scaled down; nil for that of ``sampleSize``.
    public var interpolationScale: Double?
    /// Whether the network reads the image's size; nil for networks of 1,024 pixels only.
    public var useAdditionalConditions: Bool?

    enum CodingKeys: String, CodingKey {
        case numAttentionHeads = "num_attention_heads"
        case attentionHeadDim = "attention_head_dim"
        case inChannels = "in_channels"
        case outChannels = "out_channels"
        case numLayers = "num_layers"
        case crossAttentionDim = "cross_attention_dim"
        case attentionBias = "attention_bias"
        case sampleSize = "sample_size"
        case patchSize = "patch_size"
        case captionChannels = "caption_channels"
        case interpolationScale = "interpolation_scale"
        case useAdditionalConditions = "use_additional_conditions"
    }

    /// PixArt-α for images of 1,024 pixels.
    public init() {}

    /// Throws ``PixArtError`` for fields that describe no network.
    func check() throws {
        let counts =
            [numAttentionHeads, attentionHeadDim, inChannels, outChannels, numLayers, sampleSize, patchSize]
            + [crossAttentionDim, captionChannels].compactMap(\.self)
        for (isValid, expected, found) in [
            (counts.allSatisfy { (1...1_000_000).contains($0) }, "whole numbers of at least 1", "\(counts)"),
            (width % 4 == 0, "a width divisible by 4", "\(width)"),
            (!readsSize || width % 3 == 0, "a width divisible by 3, as the image's size is read", "\(width)"),
            (outChannels >= inChannels, "at least \(inChannels) out_channels", "\(outChannels)"),
            (sampleSize >= patchSize, "a sample_size of at least a patch, \(patchSize)", "\(sampleSize)"),
        ] where !isValid {
            throw PixArtError(description: "config.json: expected \(expected), found \(found)")
        }
    }

    /// The width of the network.
    public var width: Int { numAttentionHeads * attentionHeadDim }

    /// Whether the network reads the image's size and aspect ratio.
    var readsSize: Bool { useAdditionalConditions ?? (sampleSize == 128) }

    /// Sines and cosines of the patches' columns, then of their rows, `[1, patches, width]`. Positions are scaled so that an image of any size
    /// covers those of ``sampleSize``.
    func positions(rows: Int, columns: Int) -> Tensor {
        let base = Double(sampleSize / patchSize)
        let scale = Float(interpolationScale ?? Double(max(sampleSize / 64, 1)))
        let quarter = width / 4
        func waves(_ index: Int, of count: Int) -> [Float] {
            let position = Double(Float(index) / Float(Double(count) / base) / scale)
            let angles = (0..<quarter).map { position / pow(10_000, Double($0) / Double(quarter)) }
            return angles.map { Float(sin($0)) } + angles.map { Float(cos($0)) }
        }
        let columnWaves = (0..<columns).map { waves($0, of: columns) }
        let all = (0..<rows).flatMap { row in
            let rowWaves = waves(row, of: rows)
            return columnWaves.flatMap { $0 + rowWaves }
        }
        return Tensor(all, shape: [1, rows * columns, width])
    }
}

/// The channels of ``cosinesAndSines(of:)``.
let sinusoidChannels = 256

/// Cosines, then sines, of numbers at 128 frequencies, `[numbers, 256]`: of timesteps and sizes.
func cosinesAndSines(of numbers: [Double]) -> Tensor {
    let half = sinusoidChannels / 2
    let rate = Float(-log(10_000.0))
    let frequencies = (0..<half).map { Float(exp(Double(rate * Float($0) / Float(half)))) }
    let waves = numbers.flatMap { number -> [Float] in
        let angles = frequencies.map { Double(Float(number) * $0) }
        return angles.map { Float(cos($0)) } + angles.map { Float(sin($0)) }
    }
    return Tensor(waves, shape: [numbers.count, sinusoidChannels])
}
