import Autograd
import Foundation
import Tensor

/// Compares the outputs of a model's parts, one after another, with those of another implementation for the same weights.
///
/// The golden file is safetensors in PyTorch's layout, `[batch, channels, height, width]`, in Float32 unless noted:
/// `text.ids` (integers) → `text.out`; `unet.in`, `unet.t`, conditioned on `text.out` → `unet.out`; `vae.in` → `vae.out`;
/// `vae.enc.in` → `vae.enc.mean`; `vae.in` → `tiny.out` with a small autoencoder; `unet.in`, `unet.out`,
/// `onestep.alpha_sigma` → `onestep.latent`.
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
    }

    /// Compares the next part; nil after the last, or, with ``failure`` set, when one cannot be loaded.
    public mutating func next() -> Comparison? {
        guard failure == nil, !remaining.isEmpty else { return nil }
        let name = remaining.removeFirst()
        let isComplete = Set(Self.inputs[name, default: []] + [name]).isSubset(of: golden.names)
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

    private func compute(_ name: String) throws -> Tensor {
        func map(_ name: String) throws -> Variable { Variable(try golden.tensor(name).channelsLast()) }
        switch name {
        case "text.out":
            let ids = try golden.integers("text.ids")
            let length = golden.info("text.ids")?.shape.last ?? ids.count
            let rows = stride(from: 0, to: ids.count, by: Swift.max(length, 1))
            let (encoder, tokens) = (try model.textEncoder(), rows.map { Array(ids[$0..<$0 + length]) })
            try encoder.check(tokens)
            return encoder(tokens).value
        case "unet.out":
            let output = try model.unet()(
                map("unet.in"), timesteps: try timesteps(), textEmbeddings: Variable(golden.tensor("text.out")))
            return output.value.channelsFirst()
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
