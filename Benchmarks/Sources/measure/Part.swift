import ArgumentParser
import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor

/// A piece of work that is timed as a whole, with random inputs.
enum Part: String, CaseIterable, ExpressibleByArgument {
    /// The text encoder, all positions.
    case text
    /// The denoising network, forward.
    case unet
    /// The decoder in `vae/`, an `AutoencoderKL` or `AutoencoderTiny`.
    case decode
    /// The denoising network forward and backward, gradients of all weights.
    case training
    /// One iteration of SwiftBrush with its default settings.
    case iteration

    /// Loads the part, and returns a closure that runs it once and returns its output, nil for training. Inputs are random unless a file
    /// has them.
    func load(_ options: MeasuringOptions, _ golden: Golden? = nil) throws -> () throws -> Tensor? {
        let checkpoint = try ModelFiles(contentsOf: options.model)
        var stream = RandomStream(seed: 0)
        let batch = options.batch
        switch self {
        case .text:
            let encoder = try checkpoint.textEncoder()
            let last = encoder.configuration.vocabularySize
            let prompts = try golden?.tokens() ?? (0..<batch).map { _ in stream.integers(options.tokens, in: 0..<last) }
            return { encoder(prompts).value }
        case .decode:
            let decoder = try ModelFiles.latentDecoder(contentsOf: options.model.appending(path: "vae"))
            let size = options.size ?? 64
            let latents = Variable(try golden?.map("vae.in") ?? stream.normal([batch, size, size, 4]))
            if golden != nil, let autoencoder = decoder as? AutoencoderKL {
                return { autoencoder.decode(latents).value }
            }
            return { decoder.pictures(of: latents).value }
        case .unet, .training:
            var unet = try checkpoint.unet()
            unet.recomputesBlocks = options.recompute
            let size = options.latentSize(of: unet)
            let latents = Variable(
                try golden?.map("unet.in") ?? stream.normal([batch, size, size, unet.configuration.inputChannels]))
            let text = Variable(
                try golden?.tensor("text.out") ?? options.embeddings(for: unet, count: batch, using: &stream))
            let network = unet
            guard self == .training else { return { network(latents, timesteps: [999], textEmbeddings: text).value } }
            network.parameters.unfreeze()
            return {
                let output = network(latents, timesteps: [999], textEmbeddings: text)
                output.backward(from: output.value)
                network.parameters.zeroGradients()
                return nil
            }
        case .iteration:
            let distiller = try Self.distiller(checkpoint, options, using: &stream)
            return {
                try distiller.step()
                return nil
            }
        }
    }

    /// A distillation of the folder's network with random prompt embeddings: the same work as `distill` does.
    private static func distiller(
        _ checkpoint: ModelFiles, _ options: MeasuringOptions, using stream: inout RandomStream
    ) throws -> Distiller {
        let teacher = try checkpoint.unet()
        var settings = DistillationConfiguration()
        settings.batchSize = options.batch
        var network = UNet2DConditionModel(
            teacher.configuration, in: teacher.parameters.copy(trainable: true).scope)
        network.recomputesBlocks = options.recompute
        let fakeScore = try FakeScore(
            adapting: teacher, rank: settings.adapterRank, alpha: settings.adapterAlpha,
            targets: settings.adapterTargets, using: &stream)
        let step = try OneStepConfiguration(
            timestep: settings.studentTimestep, cumulativeAlpha: settings.studentCumulativeAlpha)
        let prompts = options.embeddings(for: teacher, count: 65, using: &stream)
        let size = options.latentSize(of: teacher)
        return try Distiller(
            student: OneStepStudent(network: network, step: step), teacher: teacher, fakeScore: fakeScore,
            schedule: checkpoint.schedule(),
            conditions: PromptConditions(
                TextCondition(tokens: prompts.sliced(axis: 0, 0..<64)),
                null: TextCondition(tokens: prompts.sliced(axis: 0, 64..<65))),
            latentShape: [size, size, teacher.configuration.inputChannels], loss: VariationalScoreDistillation(),
            configuration: settings)
    }
}

extension MeasuringOptions {
    /// Height and width of a network's latents.
    func latentSize(of unet: UNet2DConditionModel) -> Int { size ?? unet.configuration.sampleSize?.height ?? 64 }

    /// Random text embeddings in a network's width, `[count, tokens, width]`.
    func embeddings(for unet: UNet2DConditionModel, count: Int, using stream: inout RandomStream) -> Tensor {
        stream.normal([count, tokens, unet.configuration.crossAttentionWidths[0]])
    }
}
