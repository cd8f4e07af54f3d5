import Autograd
import Foundation
import Tensor

/// A text-to-image model: tokenizer, denoising network, autoencoder and noise schedule.
///
/// With ``oneStep`` it is a student that makes a picture in one step; without, it is sampled with several. The text encoder is
/// in memory only while prompts are encoded: ``promptEncoder()``.
public struct TextToImageModel {
    /// Where it was loaded from.
    public let checkpoint: ModelFiles
    /// From prompts to token ids.
    public var tokenizer: CLIPTokenizer
    /// The denoising network.
    public var unet: UNet2DConditionModel
    /// Between pictures and latents; nil for a model whose file has none and that was given a small one (TAESD).
    public let autoencoder: AutoencoderKL?
    /// What makes pictures of latents: the autoencoder, unless another is put in its place.
    public var decoder: any LatentDecoder
    /// The network's noise schedule.
    public var schedule: NoiseSchedule
    /// At which timestep a one-step student works, nil for a multi-step model.
    public var oneStep: OneStepConfiguration?
    /// Low-rank changes of the text encoder and their weights, which are merged whenever it is loaded.
    var textAdapters: [(adapter: LowRankWeights, weight: Float)] = []
    /// How prompts are read; it is checked when the text encoder is loaded.
    public var promptEncoding = PromptEncoding()
    /// Tokens that were added with their embeddings: ``add(_:)``.
    public internal(set) var inversions: [TextualInversion] = []

    /// Loads a diffusers folder or a single file, all weights frozen. Of the text encoder only the configuration is read.
    ///
    /// - Parameters:
    ///   - url: the folder or the safetensors file; see ``ModelFiles``.
    ///   - tokenizer: the folder of a tokenizer, which a single file lacks; nil means the model's own.
    ///   - autoencoder: another autoencoder's folder or file; see ``ModelFiles``.
    ///   - predictionType: what the network predicts; nil means what the files say or, of a single file, its family's.
    ///
    /// Throws ``ModelError`` for files that are missing, malformed or contradict each other, and what the tokenizer and
    /// the safetensors throw.
    public init(
        contentsOf url: URL, tokenizer: URL? = nil, autoencoder: URL? = nil, predictionType: PredictionType? = nil
    ) throws {
        try self.init(
            ModelFiles(
                contentsOf: url, tokenizer: tokenizer, autoencoder: autoencoder, predictionType: predictionType))
    }

    /// Loads the parts of a checkpoint. Throws as ``init(contentsOf:tokenizer:autoencoder:predictionType:)`` does.
    public init(_ checkpoint: ModelFiles) throws {
        self.checkpoint = checkpoint
        tokenizer = try checkpoint.tokenizer()
        schedule = try checkpoint.schedule()
        oneStep = checkpoint.oneStep
        try checkpoint.checkAgreement(with: tokenizer)
        unet = try checkpoint.unet()
        autoencoder = checkpoint.hasAutoencoder ? try checkpoint.autoencoder() : nil
        guard let decoder = try checkpoint.tinyDecoder() ?? autoencoder else {
            throw ModelError.missingAutoencoder(path: checkpoint.url.path)
        }
        self.decoder = decoder
    }

    /// The one-step generator, nil for a multi-step model.
    public var student: OneStepStudent? {
        oneStep.map { OneStepStudent(network: unet, step: $0, predictionType: schedule.predictionType) }
    }

    /// The student that a distillation of this multi-step model begins with: the same network, asked once.
    ///
    /// It draws the model's x₀ of noise alone, which is the mean over all pictures that fit the prompt: what distillation adds is the
    /// difference. Throws ``ModelError`` for a model that is a student already.
    public func untrainedStudent(at step: OneStepConfiguration = .swiftBrush) throws -> TextToImageModel {
        if oneStep != nil { throw ModelError.notMultiStepModel(path: checkpoint.url.path) }
        var student = self
        student.oneStep = step
        return student
    }

    /// Height and width of the latents that the network was trained on; 64 × 64 where its configuration does not say.
    public var latentSize: LatentSize { unet.configuration.sampleSize ?? LatentSize(height: 64, width: 64) }
}

extension TextToImageModel {
    /// The pictures of the network's latents, `[batch, height, width, channels]`. Throws
    /// ``ModelError/nonFinitePicture(count:total:)``.
    public func pictures(from latents: Tensor) throws -> [Picture] {
        let decoded = decoder.pictures(of: Variable(latents)).value
        return try (0..<decoded.shape[0]).map { index in
            try Picture(decoded.sliced(axis: 0, index..<index + 1).reshaped(to: Array(decoded.shape.dropFirst())))
        }
    }

    /// The picture of a prompt in one step. Throws as ``pictures(for:seed:start:embeddings:)``.
    public func picture(for prompt: String, seed: UInt64) throws -> Picture {
        try pictures(for: [prompt], seed: seed)[0]
    }

    /// A picture of each prompt in one step. See ``latents(for:seed:start:embeddings:)``.
    public func pictures(
        for prompts: [String], seed: UInt64, start: SamplingStart = .noise(), embeddings: PromptEmbeddings? = nil
    ) throws -> [Picture] {
        try pictures(from: latents(for: prompts, seed: seed, start: start, embeddings: embeddings))
    }

    /// The latents of a picture of each prompt in one step, `[prompts, height, width, channels]`.
    ///
    /// - Parameters:
    ///   - prompts: what the pictures show.
    ///   - seed: of the first picture's noise; the next have `seed + 1`, ….
    ///   - start: the noise, if not the seeds'.
    ///   - embeddings: where the prompts' embeddings are taken from; nil to load the text encoder for them.
    ///
    /// Throws ``ModelError`` for a multi-step model, a start that does not fit, or prompts that `embeddings` lack.
    public func latents(
        for prompts: [String], seed: UInt64, start: SamplingStart = .noise(), embeddings: PromptEmbeddings? = nil
    ) throws -> Tensor {
        guard let student else { throw ModelError.notOneStepModel(path: checkpoint.url.path) }
        if case .picture = start {
            throw ModelError.invalidArgument(
                operation: "latents(for:seed:start:embeddings:)", argument: "start",
                expected: "noise, from which a one-step student draws", found: "a picture")
        }
        let noise = try self.start(start, count: prompts.count, seed: seed).latents
        let condition = try conditions(for: prompts, in: embeddings)
        return student.generate(from: Variable(noise), given: condition).value
    }
}
