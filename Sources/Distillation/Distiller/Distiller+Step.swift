import Autograd
import DiffusionModels
import Foundation
import Tensor

extension Distiller {
    /// Takes one step with draws from the run's own streams.
    ///
    /// Throws ``DistillationError/nonFinite(step:tensor:count:)``.
    @discardableResult
    public func step() throws -> DistillationStep {
        try step(
            with: streams.draw(
                promptCount: conditions.count, latentShape: latentShape, judgedAt: loss.timesteps,
                training: configuration.fakeScoreTraining, batch: configuration.batchSize))
    }

    /// Takes one step with the given draws. Throws ``DistillationError/nonFinite(step:tensor:count:)``.
    @discardableResult
    public func step(with draws: DistillationDraws) throws -> DistillationStep {
        let start = ContinuousClock.now
        let factor = configuration.learningRateSchedule.factor(at: stepCount)
        studentOptimizer.learningRate = configuration.studentLearningRate * factor
        fakeScoreOptimizer.learningRate = configuration.fakeScoreLearningRate * factor
        let condition = conditions.conditions(draws.prompts)

        let drawing = student.generate(from: Variable(draws.latents), given: condition)
        try check(drawing.value, "the student's x0")
        let gradient = loss.gradient(try judge(drawing.value, draws, condition))
        try check(gradient, "the loss's gradient")
        let studentNorm = try follow(gradient, of: drawing)

        var (fakeLoss, fakeNorm) = (0.0, 0.0)
        for draw in draws.fakeScore {
            let (loss, norm) = try train(on: drawing.value, draw, condition)
            fakeLoss += loss / Double(draws.fakeScore.count)
            fakeNorm += norm / Double(draws.fakeScore.count)
        }
        average.update()
        stepCount += 1
        return DistillationStep(
            step: stepCount, samplesSeen: stepCount * configuration.batchSize,
            studentLoss: gradient.squaredNorm() / Double(2 * gradient.count), fakeScoreLoss: fakeLoss,
            studentGradientNorm: studentNorm, fakeScoreGradientNorm: fakeNorm,
            seconds: (ContinuousClock.now - start) / .seconds(1), peakBytes: peakResidentBytes())
    }

    /// What the networks say of the noised drawing.
    private func judge(_ original: Tensor, _ draws: DistillationDraws, _ condition: Tensor) throws -> JudgedSample {
        let judges = Judges(teacher: teacher, fakeScore: fakeScore.network, schedule: schedule)
        let judged = judges.judge(
            original, noise: draws.noise, timesteps: draws.timesteps, condition: condition,
            nullCondition: conditions.nulls(original.shape[0]), needs: loss.needs)
        let judgements = [("the teacher's epsilon", judged.teacher), ("the fake score's epsilon", judged.fakeScore)]
        for case (let name, let judgement?) in judgements {
            try check(judgement.conditional, name)
            if let unconditional = judgement.unconditional { try check(unconditional, name) }
        }
        return judged
    }

    /// The student's turn: the mean over all elements of the loss's gradient, back through the student.
    private func follow(_ gradient: Tensor, of drawing: Variable) throws -> Double {
        drawing.backward(from: gradient / Float(gradient.count))
        return try update(studentOptimizer, "the student's gradient")
    }

    /// One of the fake score's turns, on the drawing as the student made it before its own update.
    private func train(
        on original: Tensor, _ draw: FakeScoreDraw, _ condition: Tensor
    ) throws -> (loss: Double, norm: Double) {
        fakeScore.parameters.unfreeze()
        defer { fakeScore.parameters.freeze() }
        let loss = configuration.fakeScoreTraining.loss(
            of: fakeScore.network, on: original, draw,
            given: draw.dropsPrompts ? conditions.nulls(original.shape[0]) : condition, schedule: schedule)
        try check(loss.value, "the fake score's loss")
        loss.backward()
        return (Double(loss.value.item), try update(fakeScoreOptimizer, "the fake score's gradient"))
    }

    /// Clips, steps, and forgets the gradients. Returns the norm before clipping.
    private func update(_ optimizer: Adam, _ name: String) throws -> Double {
        defer { optimizer.zeroGradients() }
        let norm = clipGradientNorm(optimizer.parameters, to: configuration.gradientNormLimit)
        guard norm.isFinite else {
            let count = optimizer.parameters.reduce(0) { $0 + ($1.gradient?.nonFiniteCount() ?? 0) }
            throw DistillationError.nonFinite(step: stepCount + 1, tensor: name, count: count)
        }
        optimizer.step()
        return norm
    }

    private func check(_ tensor: Tensor, _ name: String) throws {
        let count = tensor.nonFiniteCount()
        if count > 0 { throw DistillationError.nonFinite(step: stepCount + 1, tensor: name, count: count) }
    }
}
