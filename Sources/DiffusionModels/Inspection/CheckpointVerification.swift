import Autograd
import Foundation
import Tensor

/// Compares the outputs of a model's parts, one after another, with those of another implementation for the same weights.
///
/// The golden file is safetensors in PyTorch's layout, `[batch, channels, height, width]`, in Float32 unless noted:
/// `text.ids` (integers) → `text.out`; `unet.in`, `unet.t`, conditioned on `text.out` → `unet.out`; `vae.in` → `vae.out`;
/// `vae.enc.in` → `vae.enc.mean`; `vae.in` → `tiny.out` with a small autoencoder; `unet.in`, `unet.out`,
/// `onestep.alpha_sigma` → `onestep.latent`. With two text encoders also `text.ids2`, of which `text.out` has the embeddings beside those
/// of `text.ids`, → `text.pooled`, and the UNet is conditioned on `text.pooled` and the size ids `unet.sizes`.
public struct CheckpointVerification: Sequence, IteratorProtocol {
    /// The comparison of one part.
    public struct Comparison: Sendable {
        /// The golden tensor's name.
        public let name: String
        /// The errors; nil when a tensor is missing from the golden file.
        public let errors: Errors?
    }

    /// The differences between two tensors.
    public struct Errors: Sendable, Equatable {
        /// The largest absolute difference, max |Δ|.
        public let largest: Double
        /// max |Δ| divided by the reference's standard deviation.
        public let relative: Double
    }

    private let model: ModelFiles
    private let tinyDecoder: (any LatentDecoder)?
    private let golden: SafetensorsFile
    private var remaining: [String]
    /// The error that ended the sequence, nil if there was none.
    public private(set) var failure: (any Error)?

    /// Opens a model and the golden file with which it is compared.
    ///
    /// - Parameters:
    ///   - model: the folder or single file; each part is loaded for its comparison and released afterwards.
    ///   - golden: the golden file.
    ///   - tinyDecoder: the folder of a small autoencoder.
    ///   - weights: the type in which the model's weights are kept.
    ///
    /// Throws ``ModelError`` and `SafetensorsError`.
    public init(
        of model: URL, against golden: URL, tinyDecoder: URL? = nil, weights: WeightType = .stored
    ) throws {
        self.model = try ModelFiles(contentsOf: model, weights: weights)
        self.golden = try SafetensorsFile(contentsOf: golden)
        self.tinyDecoder = try tinyDecoder.map { try ModelFiles.latentDecoder(contentsOf: $0) }
        remaining = ["text.out", "unet.out", "vae.out", "vae.enc.mean", "onestep.latent"]
        if tinyDecoder != nil { remaining.insert("tiny.out", at: 4) }
        if self.model.hasTwoTextEncoders { remaining.insert("text.pooled", at: 1) }
    }

    /// Compares the next part; nil after the last, or, with ``failure`` set, when one cannot be loaded.
    public mutating func next() -> Comparison? {
        guard failure == nil, !remaining.isEmpty else { return nil }
        let name = remaining.removeFirst()
        let second = model.hasTwoTextEncoders ? Self.secondInputs[name, default: []] : []
        let isComplete = Set(Self.inputs[name, default: []] + second + [name]).isSubset(of: golden.names)
        guard isComplete else { return Comparison(name: name, errors: nil) }
        do {
            return Comparison(name: name, errors: Errors(of: try compute(name), against: try golden.tensor(name)))
        } catch {
            failure = error
            return nil
        }
    }

    private static let inputs = [
        "text.out": ["text.ids"], "unet.out": ["unet.in", "unet.t", "text.out"], "vae.out": ["vae.in"],
        "vae.enc.mean": ["vae.enc.in"], "tiny.out": ["vae.in"],
        "onestep.latent": ["unet.in", "unet.out", "onestep.alpha_sigma"],
    ]

    /// The further inputs with two text encoders.
    private static let secondInputs = [
        "text.out": ["text.ids2"], "text.pooled": ["text.ids2"], "unet.out": ["text.pooled", "unet.sizes"],
    ]

    private func compute(_ name: String) throws -> Tensor {
        func map(_ name: String) throws -> Variable { Variable(try golden.tensor(name).channelsLast()) }
        switch name {
        case "text.out": return try embeddings()
        case "text.pooled": return try state(of: .textEncoder2, "text.ids2").pooled?.value ?? Tensor(0)
        case "unet.out":
            let isXL = model.hasTwoTextEncoders
            let condition = TextCondition(
                tokens: try golden.tensor("text.out"), pooled: isXL ? try golden.tensor("text.pooled") : nil,
                sizes: isXL ? try golden.tensor("unet.sizes") : nil)
            return try model.unet().predict(map("unet.in"), at: try timesteps(), given: condition).value.channelsFirst()
        case "vae.out": return try model.autoencoder().decode(map("vae.in")).value.channelsFirst()
        case "vae.enc.mean": return try model.autoencoder().encode(map("vae.enc.in")).mean.value.channelsFirst()
        case "tiny.out":
            guard let tinyDecoder else { fatalError("tiny.out is compared only with a small autoencoder") }
            return try tinyDecoder.pictures(of: map("vae.in")).value.channelsFirst()
        default:
            let level = try golden.tensor("onestep.alpha_sigma").scalars
            return (try golden.tensor("unet.in") - (try golden.tensor("unet.out")) * level[1]) / level[0]
        }
    }

    /// The text embeddings; of two encoders side by side.
    private func embeddings() throws -> Tensor {
        guard model.hasTwoTextEncoders else {
            let (encoder, tokens) = try textModel(.textEncoder, "text.ids")
            return encoder(tokens).value
        }
        let first = try state(of: .textEncoder, "text.ids").hidden.value
        return .concatenate([first, try state(of: .textEncoder2, "text.ids2").hidden.value], axis: 2)
    }

    private func state(of part: ModelFiles.Part, _ ids: String) throws -> (hidden: Variable, pooled: Variable?) {
        let (encoder, tokens) = try textModel(part, ids)
        return encoder.unnormalized(tokens, skippingLast: 1)
    }

    /// A text encoder and its input.
    private func textModel(_ part: ModelFiles.Part, _ name: String) throws -> (CLIPTextModel, [[Int]]) {
        let ids = try golden.integers(name)
        let length = golden.info(name)?.shape.last ?? ids.count
        let tokens = stride(from: 0, to: ids.count, by: Swift.max(length, 1)).map { Array(ids[$0..<$0 + length]) }
        let encoder = try model.textEncoder(part)
        try encoder.check(tokens)
        return (encoder, tokens)
    }

    /// `unet.t`, which may be stored as integers or as floating-point numbers.
    private func timesteps() throws -> [Double] {
        switch golden.info("unet.t")?.scalarType {
        case .float64, .float32, .float16, .bfloat16: try golden.tensor("unet.t").scalars.map(Double.init)
        default: try golden.integers("unet.t").map(Double.init)
        }
    }
}

extension CheckpointVerification.Errors {
    /// The errors of `found`; infinite if the shapes differ or a value is not finite.
    init(of found: Tensor, against expected: Tensor) {
        guard found.shape == expected.shape, found.nonFiniteCount() == 0 else {
            (largest, relative) = (.infinity, .infinity)
            return
        }
        largest = Double((found - expected).absolute().maximum())
        let mean = expected.mean()
        let variance = (expected - Float(mean)).squaredNorm() / Double(expected.count)
        relative = largest == 0 ? 0 : largest / variance.squareRoot()
    }
}
