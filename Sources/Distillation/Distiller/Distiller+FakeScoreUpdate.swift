import Autograd
import DiffusionModels
import SwiftBrushRuntime
import Tensor

/// The losses of one update of the fake score, and of the discriminator with it, and the steps of their optimisers.
struct FakeScoreUpdate {
    let loss: Double
    let discriminatorLoss: Double
    let steps: [SharedUpdate]

    /// The norm of the fake score's gradient before clipping.
    var norm: Double { steps[0].norm }

    /// The same update, after its optimisers' steps were taken in the run's step `number`. Throws `RunError`.
    func applied(step number: Int) throws -> FakeScoreUpdate {
        for (step, name) in zip(steps, ["the fake score", "the discriminator"]) { try step.apply(name, step: number) }
        return self
    }
}

extension Distiller {
    /// Computes one update of the fake score, part by part: on the batch as the student generated it before its own update, or on new
    /// samples.
    ///
    /// Its parameters must be unfrozen; its gradients stay in them until it is applied.
    func fakeScoreUpdate(
        _ inputs: FakeScoreInputs, _ batches: [GeneratedBatch], _ parts: BatchParts
    ) throws -> FakeScoreUpdate {
        // The losses of each part, times its share of the batch.
        let losses = try sharedFakeScore.gradients(of: parts) { part in
            let (loss, term) = try fakeScoreLosses(inputs.samples(part.rows), batches[part.index])
            let total = term.map { loss + $0 * Float(configuration.fakeScoreTraining.discriminatorWeight) } ?? loss
            return .init(
                [loss, term].map { Double($0?.value.item ?? 0) * part.share }, of: total,
                gradient: Tensor(repeating: Float(part.share), shape: total.shape))
        }
        let steps =
            [try clipped(fakeScoreOptimizer, in: sharedFakeScore, "the fake score's gradient")]
            + (try discriminatorOptimizer.map {
                [try clipped($0, in: sharedFakeScore, "the discriminator's gradient")]
            } ?? [])
        return FakeScoreUpdate(
            loss: losses.reduce(0) { $0 + $1[0] }, discriminatorLoss: losses.reduce(0) { $0 + $1[1] }, steps: steps)
    }

    /// The losses of fake score and discriminator on a batch, or a part of one.
    private func fakeScoreLosses(
        _ inputs: FakeScoreInputs, _ batch: GeneratedBatch
    ) throws -> (fakeScore: Variable, discriminator: Variable?) {
        let prompts = inputs.newSamples?.prompts ?? batch.prompts
        let condition = conditions.conditions(prompts, dropping: inputs.dropsPrompts)
        let newSamples = try inputs.newSamples.map { new in
            try student.generate(from: new.latents, new.rollout, given: conditions.conditions(new.prompts)).value
        }
        let original = newSamples ?? batch.original
        let loss = try (configuration.fakeScorePrecision ?? .current).within {
            try configuration.fakeScoreTraining.loss(
                of: fakeScore.network, on: original, inputs, given: condition, nullCondition: batch.nullCondition,
                schedule: schedule)
        }
        try check(loss.value, "the fake score's loss")
        let term = try discriminatorLoss(inputs, original, conditions.conditions(prompts))
        if let term { try check(term.value, "the discriminator's loss") }
        return (loss, term)
    }

    private func discriminatorLoss(_ inputs: FakeScoreInputs, _ original: Tensor, _ condition: TextCondition)
        throws -> Variable?
    {
        guard let discriminator = resources.discriminator, let data = resources.realLatents, let real = inputs.real
        else { return nil }
        return try configuration.fakeScoreTraining.discriminatorLoss(
            of: discriminator, on: original, given: condition, real: data.latents.gathered(rows: real.indices),
            given: conditions.conditions(real.indices.map { data.prompts[$0] }), inputs, realNoise: real.noise,
            schedule: schedule)
    }
}
