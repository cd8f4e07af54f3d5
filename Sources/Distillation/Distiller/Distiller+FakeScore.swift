import Autograd
import DiffusionModels
import Tensor

/// What one turn of the fake score, and of the discriminator with it, comes to.
struct FakeScoreTurn {
    var loss = 0.0
    var norm = 0.0
    var discriminatorLoss = 0.0
}

extension Distiller {
    /// One of the fake score's turns: on the drawing as the student made it before its own update, or on new pictures.
    func takeTurn(_ draw: FakeScoreDraw, _ drawn: DrawnSample) throws -> FakeScoreTurn {
        let training = configuration.fakeScoreTraining
        let prompts = draw.pictures?.prompts ?? drawn.prompts
        let condition = conditions.conditions(prompts, dropping: draw.dropsPrompts)
        let original = draw.pictures.map { pictures in
            student.generate(from: Variable(pictures.latents), given: conditions.conditions(pictures.prompts)).value
        }
        let learned = original ?? drawn.original

        let trained = [fakeScore.parameters] + (resources.discriminator.map { [$0.parameters] } ?? [])
        trained.forEach { $0.unfreeze() }
        defer { trained.forEach { $0.freeze() } }
        var turn = FakeScoreTurn()
        var loss = training.loss(
            of: fakeScore.network, on: learned, draw, given: condition, nullCondition: drawn.nullCondition,
            schedule: schedule)
        try check(loss.value, "the fake score's loss")
        turn.loss = Double(loss.value.item)
        if let share = discriminatorLoss(draw, learned, conditions.conditions(prompts)) {
            try check(share.value, "the discriminator's loss")
            turn.discriminatorLoss = Double(share.value.item)
            loss = loss + share * Float(training.discriminatorWeight)
        }
        loss.backward()
        turn.norm = try update(fakeScoreOptimizer, "the fake score's gradient")
        if let discriminatorOptimizer { _ = try update(discriminatorOptimizer, "the discriminator's gradient") }
        return turn
    }

    private func discriminatorLoss(_ draw: FakeScoreDraw, _ original: Tensor, _ condition: Tensor) -> Variable? {
        guard let discriminator = resources.discriminator, let real = resources.realLatents, let seen = draw.real else {
            return nil
        }
        return configuration.fakeScoreTraining.discriminatorLoss(
            of: discriminator, on: original, given: condition, real: real.latents.samples(seen.indices),
            given: conditions.conditions(seen.indices.map { real.prompts[$0] }), draw, realNoise: seen.noise,
            schedule: schedule)
    }
}
