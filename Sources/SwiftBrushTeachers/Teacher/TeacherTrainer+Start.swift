import Autograd
import DiffusionModels
import Tensor

extension TeacherTrainer {
    /// Creates a trainer for small networks with random weights, or for the networks of an existing teacher.
    ///
    /// - Parameters:
    ///   - pictures: the data set; only its training split is used.
    ///   - autoencoder: the autoencoder that encodes the pictures.
    ///   - tokenizer: the tokenizer of the captions.
    ///   - blockChannels: the channels per block of the denoising network, outermost block first. Unused with `start`.
    ///   - start: a teacher with the same tokenizer and autoencoder, whose weights are trained further with its schedule.
    ///   - predictionType: what the denoising network learns to predict: ε or v, or u, with which the schedule is that of flow matching.
    ///     Unused with `start`.
    ///   - configuration: the settings.
    ///
    /// Throws ``TrainingError`` for settings out of range or pictures that do not fit the autoencoder, and `ModelError` for a
    /// `start` that cannot be loaded.
    public convenience init(
        pictures: CaptionedPictures, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer,
        blockChannels: [Int] = [64, 128, 176], start: ModelFiles? = nil, predictionType: PredictionType = .epsilon,
        configuration: TeacherTrainingConfiguration = TeacherTrainingConfiguration()
    ) throws {
        try configuration.validate()
        try Self.check(
            pictures: pictures, autoencoder: autoencoder.configuration, blockChannels: blockChannels, start: start)
        let schedule =
            try start?.schedule()
            ?? (predictionType == .flow ? .flowMatching() : .scaledLinear(predictionType: predictionType))
        let training = try pictures.subset(pictures.split(.train))
        let latents = try autoencoder.latents(of: training)
        let root = RandomStream(seed: configuration.seed)
        let unet: UNet2DConditionModel
        let textModel: CLIPTextModel
        if let start {
            (unet, textModel) = (try start.unet(), try start.textEncoder())
        } else {
            let size = LatentSize(height: latents.shape[1], width: latents.shape[2])
            unet = UNet2DConditionModel(
                .small(latentSize: size, blockChannels: blockChannels), in: ParameterSet().scope)
            textModel = CLIPTextModel(.small(for: tokenizer), in: ParameterSet().scope)
            var streams = (root.split("unet"), root.split("text-encoder"))
            unet.parameters.initialize(using: &streams.0)
            textModel.parameters.initialize(using: &streams.1)
        }
        try self.init(
            network: unet, textEncoder: CLIPTextEncoder(tokenizer: tokenizer, textModel: textModel), schedule: schedule,
            latents: latents, captions: training.captions, configuration: configuration)
        initialContents.add("pictures", of: training)
    }

    /// Checks arguments of ``init(pictures:autoencoder:tokenizer:blockChannels:start:predictionType:configuration:)`` before an autoencoder is
    /// trained for them.
    ///
    /// - Parameters:
    ///   - pictures: the data set.
    ///   - autoencoder: the configuration of the autoencoder.
    ///   - blockChannels: the channels per block of the denoising network.
    ///   - start: the teacher whose weights will be trained further.
    ///
    /// Throws ``TrainingError`` for arguments that do not fit, and `ModelError` for a `start` whose configuration or schedule cannot be read.
    public static func check(
        pictures: CaptionedPictures, autoencoder: AutoencoderKL.Configuration, blockChannels: [Int],
        start: ModelFiles? = nil
    ) throws {
        try TrainingError.check(
            (1...8).contains(blockChannels.count)
                && blockChannels.allSatisfy { (16...4096).contains($0) && $0 % 16 == 0 },
            "blockChannels", expected: "1 to 8 multiples of 16, up to 4096", found: blockChannels)
        let factor = autoencoder.pixelsPerLatent
        try TrainingError.check(
            pictures.height % factor == 0 && pictures.width % factor == 0, "pictures",
            expected: "pictures whose sides are multiples of the autoencoder's \(factor) pixels",
            found: "\(pictures.width) × \(pictures.height)")
        guard let start else { return }
        let size = LatentSize(height: pictures.height / factor, width: pictures.width / factor)
        try TrainingError.check(
            !start.hasTwoTextEncoders, "start", expected: "a teacher with one text encoder",
            found: "one of Stable Diffusion XL's kind")
        try check(start.schedule())
        let network = try start.unetConfiguration()
        try TrainingError.check(
            network.inputChannels == autoencoder.latentChannels && network.outputChannels == autoencoder.latentChannels,
            "start", expected: "a teacher with the autoencoder's \(autoencoder.latentChannels) latent channels",
            found: "one with \(network.inputChannels)")
        let trained = network.sampleSize ?? size
        try TrainingError.check(
            trained == size, "start",
            expected: "a teacher for images of \(pictures.width) × \(pictures.height) pixels",
            found: "one for \(trained.width * factor) × \(trained.height * factor)")
    }

    /// Throws ``TrainingError`` for a schedule that the loss is not defined on, or not well: the errors of ε and x₀ that belong to an error of
    /// the output must be finite, an error of x₀ would count 8,000 times as much at the first timestep as at the last, and in flow matching an
    /// error of ε a million times as much at the last as at the first.
    static func check(_ schedule: NoiseSchedule) throws {
        try TrainingError.check(
            schedule.predictionType != .sample, "schedule", expected: "one of a network that predicts epsilon, v or u",
            found: "of one that predicts \(schedule.predictionType.rawValue)")
        try TrainingError.check(
            schedule.predictionType != .epsilon || !schedule.isFlowMatching, "schedule",
            expected: "one of a network that predicts v or u in flow matching", found: "of one that predicts epsilon")
        try TrainingError.check(
            schedule.timestepCount == 1000, "schedule", expected: "1000 timesteps", found: schedule.timestepCount)
        let last = schedule.cumulativeAlphas.last ?? 0
        try TrainingError.check(
            last > 0, "schedule", expected: "some signal at every timestep", found: "none at the last")
    }
}
