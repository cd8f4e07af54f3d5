import Autograd
import Foundation
import Tensor

/// A text-to-image model: tokenizer, denoising network, autoencoder and noise schedule.
///
/// With ``oneStep`` it is a student that makes a picture in one step; without, it is sampled with several. The text encoder is
/// in memory only while prompts are encoded: ``promptEncoder()``.
public struct TextToImageModel {
    /// Where it was loaded from.
    public let directory: ModelDirectory
    /// From prompts to token ids.
    public var tokenizer: CLIPTokenizer
    /// The denoising network.
    public var unet: UNet2DConditionModel
    /// Between pictures and latents.
    public let autoencoder: AutoencoderKL
    /// What makes pictures of latents: the autoencoder, unless another is put in its place.
    public var decoder: any LatentDecoder
    /// The network's noise schedule.
    public var schedule: NoiseSchedule
    /// At which timestep a one-step student works, nil for a multi-step model.
    public var oneStep: OneStepConfiguration?
    /// Low-rank changes of the text encoder and their weights, which are merged whenever it is loaded.
    var textAdapters: [(adapter: LowRankWeights, weight: Float)] = []

    /// Loads a diffusers folder, all weights frozen. Of the text encoder only the configuration is read.
    ///
    /// Throws ``ModelError`` for files that are missing, malformed or contradict each other, and what the tokenizer and
    /// the safetensors throw.
    public init(contentsOf url: URL) throws {
        let directory = try ModelDirectory(url)
        self.directory = directory
        tokenizer = try directory.tokenizer()
        unet = try directory.unet()
        autoencoder = try directory.autoencoder()
        decoder = autoencoder
        schedule = try directory.schedule()
        oneStep = directory.oneStep
        try checkAgreement()
    }

    /// The one-step generator, nil for a multi-step model.
    public var student: OneStepStudent? {
        oneStep.map { OneStepStudent(network: unet, step: $0, predictionType: schedule.predictionType) }
    }

    /// Height and width of the latents that the network was trained on; 64 × 64 where its configuration does not say.
    public var latentSize: LatentSize { unet.configuration.sampleSize ?? LatentSize(height: 64, width: 64) }

    private func checkAgreement() throws {
        let text = directory.folder(.textEncoder).appending(path: "config.json").path
        let unetFile = directory.folder(.unet).appending(path: "config.json").path
        let encoder = try CLIPTextModel.Configuration(directory.fields(.textEncoder))
        func expect(_ isAgreed: Bool, _ file: String, _ field: String, _ expected: String, _ found: Int) throws {
            if isAgreed { return }
            throw ModelError.invalidField(file: file, field: field, expected: expected, found: "\(found)")
        }
        let length = tokenizer.maximumLength
        try expect(
            length <= encoder.maximumPositions, text, "max_position_embeddings",
            "at least the tokenizer's \(length)", encoder.maximumPositions)
        let tokens = tokenizer.vocabularySize
        try expect(
            tokens <= encoder.vocabularySize, text, "vocab_size", "at least the tokenizer's \(tokens)",
            encoder.vocabularySize)
        for width in unet.configuration.crossAttentionWidths {
            try expect(
                width == encoder.width, unetFile, "cross_attention_dim", "the text encoder's \(encoder.width)", width)
        }
        let latent = autoencoder.configuration.latentChannels
        let network = unet.configuration
        for (field, channels) in [("in_channels", network.inputChannels), ("out_channels", network.outputChannels)] {
            try expect(channels == latent, unetFile, field, "the autoencoder's \(latent) latent channels", channels)
        }
        let colours = autoencoder.configuration.outputChannels
        let autoencoderFile = directory.folder(.vae).appending(path: "config.json").path
        try expect(colours == 3, autoencoderFile, "out_channels", "3 colours", colours)
    }
}

extension TextToImageModel {
    /// The pictures of the network's latents, `[batch, height, width, channels]`.
    public func pictures(from latents: Tensor) -> [Picture] {
        let decoded = decoder.pictures(of: Variable(latents)).value
        return (0..<decoded.shape[0]).map { index in
            Picture(decoded.sliced(axis: 0, index..<index + 1).reshaped(to: Array(decoded.shape.dropFirst())))
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
        pictures(from: try latents(for: prompts, seed: seed, start: start, embeddings: embeddings))
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
        guard let student else { throw ModelError.notOneStepModel(path: directory.url.path) }
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
