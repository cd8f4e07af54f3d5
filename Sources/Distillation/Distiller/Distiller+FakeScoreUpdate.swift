import Autograd
import DiffusionModels
import Tensor

/// The losses and gradient norm of one update of the fake score, and of the discriminator with it.
struct FakeScoreUpdate {
    var loss = 0.0
    var norm = 0.0
    var discriminatorLoss = 0.0
}

extension Distiller {
    /// Updates the fake score once: on the batch as the student generated it before its own update, or on new samples.
    func updateFakeScore(_ inputs: FakeScoreInputs, _ batch: GeneratedBatch) throws -> FakeScoreUpdate {
        let training = configuration.fakeScoreTraining
        let prompts = inputs.newSamples?.prompts ?? batch.prompts
        let condition = conditions.conditions(prompts, dropping: inputs.dropsPrompts)
        let newSamples = inputs.newSamples.map { new in
            student.generate(from: Variable(new.latents), given: conditions.conditions(new.prompts)).value
        }
        let original = newSamples ?? batch.original

        let trained = [fakeScore.parameters] + (resources.discriminator.map { [$0.parameters] } ?? [])
        trained.forEach { $0.unfreeze() }
        defer { trained.forEach { $0.freeze() } }
        var update = FakeScoreUpdate()
        var loss = training.loss(
            of: fakeScore.network, on: original, inputs, given: condition, nullCondition: batch.nullCondition,
            schedule: schedule)
        try check(loss.value, "the fake score's loss")
        update.loss = Double(loss.value.item)
        if let term = discriminatorLoss(inputs, original, conditions.conditions(prompts)) {
            try check(term.value, "the discriminator's loss")
            update.discriminatorLoss = Double(term.value.item)
            loss = loss + term * Float(training.discriminatorWeight)
        }
        loss.backward()
        update.norm = try self.update(fakeScoreOptimizer, "the fake score's gradient")
        if let discriminatorOptimizer { _ = try self.update(discriminatorOptimizer, "the discriminator's gradient") }
        return update
    }

    private func discriminatorLoss(_ inputs: FakeScoreInputs, _ original: Tensor, _ condition: Tensor) -> Variable? {
        guard let discriminator = resources.discriminator, let data = resources.realLatents, let real = inputs.real
        else { return nil }
        return configuration.fakeScoreTraining.discriminatorLoss(
            of: discriminator, on: original, given: condition, real: data.latents.gathered(rows: real.indices),
            given: conditions.conditions(real.indices.map { data.prompts[$0] }), inputs, realNoise: real.noise,
            schedule: schedule)
    }
}
