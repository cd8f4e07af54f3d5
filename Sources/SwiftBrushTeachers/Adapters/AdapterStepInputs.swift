import DiffusionModels
import Foundation
import Tensor

/// The random inputs of a step of an ``AdapterTrainer``.
struct AdapterStepInputs {
    /// The indices of the pictures, one per sample.
    var pictures: [Int]
    /// The indices of the prior's samples, or of its prompts; none without a prior.
    var prior: [Int]
    /// Whether each of the prior's samples has the empty prompt in place of its own.
    var priorIsEmpty: [Bool]
    /// The timesteps of the pictures and then of the prior; a student's are those of its steps.
    var timesteps: [Int]
    /// The noise of the pictures and then of the prior, `[2 batches, height, width, channels]`.
    var noise: Tensor
}

/// The random streams of an ``AdapterTrainer``, one per purpose.
struct AdapterStreams: Codable, Equatable {
    private var pictures: RandomStream
    private var prior: RandomStream
    private var emptyPrompts: RandomStream
    private var timesteps: RandomStream
    private var noise: RandomStream

    init(seed: UInt64) {
        let root = RandomStream(seed: seed)
        (pictures, prior) = (root.split("pictures"), root.split("prior"))
        (timesteps, noise) = (root.split("timesteps"), root.split("noise"))
        emptyPrompts = root.split("empty prompts")
    }

    /// Samples the next step's inputs.
    ///
    /// - Parameters:
    ///   - batch: the number of pictures, and of the prior's samples.
    ///   - weights: how often each picture is sampled, relative to one of weight 1.
    ///   - priorCount: the number of the prior's samples or prompts to choose from; 0 for none.
    ///   - emptyShare: the share of the prior's samples that get the empty prompt.
    ///   - levels: the timesteps to choose from.
    ///   - latentShape: a sample's shape.
    mutating func next(
        _ batch: Int, weights: [Double], priorCount: Int, emptyShare: Double, levels: [Int], latentShape: [Int]
    ) -> AdapterStepInputs {
        let count = priorCount > 0 ? 2 * batch : batch
        return AdapterStepInputs(
            pictures: WeightedChoice(weights).indices(batch, using: &pictures),
            prior: (batch..<count).map { _ in prior.integer(in: 0..<priorCount) },
            priorIsEmpty: (batch..<count).map { _ in Double(emptyPrompts.unit()) < emptyShare },
            timesteps: (0..<count).map { _ in levels[timesteps.integer(in: 0..<levels.count)] },
            noise: noise.normal([count] + latentShape))
    }
}
