import Autograd
import DiffusionModels
import Tensor

extension TeacherTrainer {
    /// A training of miniature networks from random weights, or from a teacher's.
    ///
    /// - Parameters:
    ///   - pictures: what is learned; only those of the training split.
    ///   - autoencoder: between the pictures and the latents.
    ///   - tokenizer: of the captions.
    ///   - blockChannels: of the denoising network, outermost block first. Unused with `start`.
    ///   - start: a teacher of the same tokenizer and autoencoder, whose weights the training goes on from.
    ///   - configuration: the settings.
    ///
    /// Throws ``TrainingError`` for settings out of range or pictures that do not fit the autoencoder, and `ModelError` for a
    /// start that cannot be loaded.
    public convenience init(
        pictures: CaptionedPictures, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer,
        blockChannels: [Int] = [64, 128, 176], start: ModelFiles? = nil,
        configuration: TeacherTrainingConfiguration = TeacherTrainingConfiguration()
    ) throws {
        try Self.check(
            pictures: pictures, autoencoder: autoencoder.configuration, blockChannels: blockChannels, start: start)
        let training = pictures.subset(pictures.split(.train))
        let latents = try autoencoder.latents(of: training)
        let root = RandomStream(seed: configuration.seed)
        let unet: UNet2DConditionModel
        let textEncoder: CLIPTextModel
        if let start {
            (unet, textEncoder) = (try start.unet(), try start.textEncoder())
        } else {
            let size = LatentSize(height: latents.shape[1], width: latents.shape[2])
            unet = UNet2DConditionModel(
                .small(latentSize: size, blockChannels: blockChannels), in: ParameterSet().scope)
            textEncoder = CLIPTextModel(.small(for: tokenizer), in: ParameterSet().scope)
            var streams = (root.split("unet"), root.split("text-encoder"))
            unet.parameters.initialize(using: &streams.0)
            textEncoder.parameters.initialize(using: &streams.1)
        }
        try self.init(
            unet: unet, textEncoder: textEncoder, tokenizer: tokenizer, latents: latents, captions: training.captions,
            configuration: configuration)
        initialContents.add("pictures", of: training)
    }

    /// Looks at what a training of ``init(pictures:autoencoder:tokenizer:blockChannels:start:configuration:)`` is made of, before an
    /// autoencoder is trained for it.
    ///
    /// - Parameters:
    ///   - pictures: what will be learned.
    ///   - autoencoder: the sizes of the one that will be used.
    ///   - blockChannels: of the denoising network.
    ///   - start: the teacher whose weights the training will go on from.
    ///
    /// Throws ``TrainingError`` for what does not fit, and `ModelError` for a start whose configuration cannot be read.
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
        let network = try start.unetConfiguration()
        try TrainingError.check(
            network.inputChannels == autoencoder.latentChannels && network.outputChannels == autoencoder.latentChannels,
            "start", expected: "a teacher of the autoencoder's \(autoencoder.latentChannels) latent channels",
            found: "one of \(network.inputChannels)")
        let trained = network.sampleSize ?? size
        try TrainingError.check(
            trained == size, "start",
            expected: "a teacher of pictures of \(pictures.width) × \(pictures.height) pixels",
            found: "one of \(trained.width * factor) × \(trained.height * factor)")
    }
}
