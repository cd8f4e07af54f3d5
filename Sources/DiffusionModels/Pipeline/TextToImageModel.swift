import Autograd
import Foundation
import Tensor

/// A text-to-image model: a denoising network, a text encoder, a decoder of latents and a noise schedule.
///
/// With ``oneStep`` it is a student that generates an image in one step; otherwise it is sampled in several steps.
///
/// A model is a value: tasks may share it, and no change of a copy changes it. Its networks' parameters are read-only. To change them, take
/// a copy of the network, `network.copy(trainable:)`, and set it.
public struct TextToImageModel: Sendable {
    /// The model's name in error messages: its path, if it was read from files.
    public var name: String
    /// The denoising network.
    public var network: any DenoisingNetwork { didSet { network = network.readOnly() } }
    /// Encodes prompts. The shipped ``CLIPTextEncoder`` and ``CLIPTextEncoderPair`` are in memory only while prompts are encoded.
    public var textEncoder: any TextEncoder {
        didSet {
            textEncoder = textEncoder.readOnly()
            keptEmbeddings = nil
        }
    }
    /// The decoder of latents into images: the autoencoder, unless another one is set.
    public var decoder: any LatentDecoder { didSet { decoder = decoder.readOnly() } }
    /// The autoencoder; nil for a model that cannot encode images, such as one whose file has only a small decoder (TAESD).
    public var autoencoder: AutoencoderKL? { didSet { autoencoder = autoencoder?.readOnly() } }
    /// The network's noise schedule.
    public var schedule: NoiseSchedule
    /// The timestep of a one-step student; nil for a multi-step model.
    public var oneStep: OneStepConfiguration?
    /// The embeddings that the model keeps: for their prompts the text encoder is not loaded again. See ``keeping(_:)`` and
    /// ``keepingEmbeddings(of:)``. A change of the text encoder discards them.
    public internal(set) var keptEmbeddings: PromptEmbeddings?

    /// A model of these parts, or of read-only copies of them, so that training a part afterwards does not change the model.
    ///
    /// - Parameters:
    ///   - network: the denoising network.
    ///   - textEncoder: encodes prompts into conditions that the network reads.
    ///   - decoder: decodes the network's latents.
    ///   - autoencoder: encodes images, if they are to be encoded.
    ///   - schedule: the network's noise schedule, with its prediction type.
    ///   - oneStep: the timestep of a one-step student; nil for a multi-step model.
    ///   - name: the model's name in error messages.
    public init(
        network: any DenoisingNetwork, textEncoder: any TextEncoder, decoder: any LatentDecoder,
        autoencoder: AutoencoderKL? = nil, schedule: NoiseSchedule, oneStep: OneStepConfiguration? = nil,
        name: String = "the model"
    ) {
        (self.network, self.textEncoder) = (network.readOnly(), textEncoder.readOnly())
        (self.decoder, self.autoencoder) = (decoder.readOnly(), autoencoder?.readOnly())
        (self.schedule, self.oneStep, self.name) = (schedule, oneStep, name)
    }

    /// Loads a diffusers folder or a single file. Only the configuration of the text encoder is read.
    ///
    /// - Parameters:
    ///   - url: the folder or the safetensors file; see ``ModelFiles``.
    ///   - tokenizer: the folder of a tokenizer, which single files do not contain; nil means the model's own.
    ///   - autoencoder: the folder or file of another autoencoder; see ``ModelFiles``.
    ///   - predictionType: the network's prediction type; nil means that of the files or, for a single file, of its model family.
    ///   - storage: where the weights are. They are mapped from the files by default, which must not be truncated while the model lives
    ///     (`FileStorage.mapped` says what happens then); with `.memory` all of them, also the text encoder's, are read at once.
    ///   - weights: the type in which the weights are kept.
    ///
    /// Throws ``ModelError`` for files that are missing, malformed or contradict each other, and the errors of the tokenizer and of
    /// safetensors files.
    public init(
        contentsOf url: URL, tokenizer: URL? = nil, autoencoder: URL? = nil, predictionType: PredictionType? = nil,
        storage: FileStorage = .mapped, weights: WeightType = .stored
    ) throws {
        try self.init(
            ModelFiles(
                contentsOf: url, tokenizer: tokenizer, autoencoder: autoencoder, predictionType: predictionType,
                storage: storage, weights: weights))
    }

    /// Loads a model's files. Throws as `init(contentsOf:tokenizer:autoencoder:predictionType:storage:weights:)` does.
    ///
    /// - Parameters:
    ///   - files: the model's files.
    ///   - textEncoder: the files' text encoder, with other settings than the defaults; nil for the defaults.
    public init(_ files: ModelFiles, textEncoder: (any TextEncoder)? = nil) throws {
        let textEncoder = try textEncoder ?? files.promptEncoder()
        let schedule = try files.schedule()
        try files.checkAgreement()
        try files.oneStep?.check(on: schedule, "\(files.url.path)/\(OneStepConfiguration.fileName)")
        let network = try files.unet()
        let autoencoder = files.hasAutoencoder ? try files.autoencoder() : nil
        guard let decoder = try files.tinyDecoder() ?? autoencoder else {
            throw ModelError.missingAutoencoder(path: files.url.path)
        }
        for parameters in [network.parameters, decoder.parameters, autoencoder?.parameters] {
            parameters?.makeReadOnly()
        }
        self.init(
            network: network, textEncoder: files.storage == .memory ? try textEncoder.loaded() : textEncoder,
            decoder: decoder, autoencoder: autoencoder, schedule: schedule, oneStep: files.oneStep, name: files.url.path
        )
    }

    /// The one-step generator, nil for a multi-step model.
    public var student: OneStepStudent? {
        oneStep.map { OneStepStudent(network: network, step: $0, predictionType: schedule.predictionType) }
    }

    /// The initial student of a distillation of this multi-step model: the same network, evaluated once.
    ///
    /// It generates the model's x₀ prediction for pure noise, which is the mean over all images of the prompt, and serves as a baseline for
    /// distilled students. Without a step, it is SwiftBrush's, or in flow matching the last timestep.
    ///
    /// Throws ``ModelError`` for a model that is a student already, and in flow matching for a schedule of one timestep.
    public func untrainedStudent(at step: OneStepConfiguration? = nil) throws -> TextToImageModel {
        if oneStep != nil { throw ModelError.notMultiStepModel(path: name) }
        var student = self
        student.oneStep =
            try step
            ?? (schedule.isFlowMatching
                ? OneStepConfiguration(timestep: schedule.timestepCount - 1, of: schedule) : .swiftBrush)
        return student
    }

    /// The same model, whose images avoid a text: a negative prompt for students of one step or a few. See ``AttentionGuidance``.
    ///
    /// Multi-step models have ``SamplingSettings/negativePrompt`` too. Throws ``ModelError`` for settings out of range, and for a network
    /// whose attention cannot be guided.
    public func avoiding(
        _ negativePrompt: String, by guidance: AttentionGuidance = .normalized()
    ) throws -> TextToImageModel {
        try guidance.check(operation: "TextToImageModel.avoiding")
        guard let network = network.avoiding(try conditions(for: [negativePrompt]), by: guidance) else {
            throw ModelError.invalidArgument(
                operation: "TextToImageModel.avoiding", argument: "model",
                expected: "a network whose attention to the text can be guided", found: "\(type(of: network))")
        }
        var model = self
        model.network = network
        return model
    }

    /// The height and width of the latents that the network was trained on; 64 × 64 if its configuration does not contain them.
    public var latentSize: LatentSize { network.latentSize ?? LatentSize(height: 64, width: 64) }
}

extension TextToImageModel {
    /// The number of pixels that are decoded at a time, if these are several images.
    static let pixelsDecodedAtATime = 1 << 15

    /// Decodes the network's latents, `[batch, height, width, channels]`, into images, a few at a time.
    ///
    /// Throws ``ModelError`` for latents of another shape or that are not finite, and for a decoder whose output has another shape, and
    /// `CancellationError` in a cancelled task.
    public func pictures(from latents: Tensor) throws -> [Picture] {
        try checkLatents(latents, operation: "pictures(from:)")
        return try rangesToDecode(of: latents).flatMap { rows in
            try Task.checkCancellation()
            let decoded = try decoder.checkedPictures(of: Variable(latents.sliced(axis: 0, rows))).value
            return try (0..<decoded.shape[0]).map { index in
                try Picture(decoded.sliced(axis: 0, index..<index + 1).reshaped(to: Array(decoded.shape.dropFirst())))
            }
        }
    }

    /// The images of latents that are decoded at a time.
    func rangesToDecode(of latents: Tensor) -> [Range<Int>] {
        let pixels = latents.shape[1] * latents.shape[2] * decoder.pixelsPerLatent * decoder.pixelsPerLatent
        let (count, atATime) = (latents.shape[0], max(1, Self.pixelsDecodedAtATime / max(1, pixels)))
        return stride(from: 0, to: count, by: atATime).map { $0..<min(count, $0 + atATime) }
    }

    /// Generates an image of a prompt in one step. Throws as `pictures(for:seed:steps:start:)`.
    public func picture(for prompt: String, seed: UInt64) throws -> Picture {
        try pictures(for: [prompt], seed: seed)[0]
    }

    /// Generates one image per prompt in one step, or in a few. See `latents(for:seed:steps:start:)`.
    public func pictures(
        for prompts: [String], seed: UInt64, steps: Int = 1, start: SamplingStart = .noise()
    ) throws -> [Picture] {
        try pictures(from: latents(for: prompts, seed: seed, steps: steps, start: start))
    }

    /// Generates the latents of one image per prompt in one step, or in a few, `[prompts, height, width, channels]`.
    ///
    /// - Parameters:
    ///   - prompts: the prompts, one per image.
    ///   - seed: the seed of the first image's noise; the next images have `seed + 1`, ….
    ///   - steps: the number of steps, at most as many as the student was distilled for.
    ///   - start: the starting point, by default noise from the seeds.
    ///
    /// Throws ``ModelError`` for a multi-step model, an unsuitable start, and a number of steps that the student does not have.
    public func latents(
        for prompts: [String], seed: UInt64, steps: Int = 1, start: SamplingStart = .noise()
    ) throws -> Tensor {
        guard let student else { throw ModelError.notOneStepModel(path: name) }
        try checkReadsNoImage(operation: "latents(for:seed:start:)")
        if start.strength != nil {
            throw ModelError.invalidArgument(
                operation: "latents(for:seed:steps:start:)", argument: "start",
                expected: "noise, because a one-step student generates from noise", found: "a picture")
        }
        guard !prompts.isEmpty else {
            throw ModelError.invalidArgument(
                operation: "latents(for:seed:steps:start:)", argument: "prompts", expected: "at least one",
                found: "none")
        }
        let steps = try student.step.steps(steps)
        let (latents, later) = try self.start(start, count: prompts.count, seed: seed)
        var noise = later
        return try student.generate(from: latents, steps: steps, given: conditions(for: prompts)) {
            noise.next(like: latents)
        }
    }
}
