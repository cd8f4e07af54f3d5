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
        blockChannels: [Int] = [64, 128, 176], start: ModelCheckpoint? = nil,
        configuration: TeacherTrainingConfiguration = TeacherTrainingConfiguration()
    ) throws {
        guard !blockChannels.isEmpty, blockChannels.allSatisfy({ $0 > 0 && $0 % 16 == 0 }) else {
            throw TrainingError.invalidSetting(
                name: "blockChannels", expected: "positive multiples of 16", found: "\(blockChannels)")
        }
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
                .miniature(latentSize: size, blockChannels: blockChannels), in: ParameterSet().scope)
            textEncoder = CLIPTextModel(.miniature(for: tokenizer), in: ParameterSet().scope)
            var streams = (root.split("unet"), root.split("text-encoder"))
            unet.parameters.initialize(using: &streams.0)
            textEncoder.parameters.initialize(using: &streams.1)
        }
        try self.init(
            unet: unet, textEncoder: textEncoder, tokenizer: tokenizer, latents: latents, captions: training.captions,
            configuration: configuration)
    }
}
