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
        try step(with: streams.draw(plan))
    }

    /// Takes one step with the given draws. Throws ``DistillationError/nonFinite(step:tensor:count:)``.
    @discardableResult
    public func step(with draws: DistillationDraws) throws -> DistillationStep {
        let start = ContinuousClock.now
        let factor = configuration.learningRateSchedule.factor(at: stepCount)
        studentOptimizer.learningRate = configuration.studentLearningRate * factor
        fakeScoreOptimizer.learningRate = configuration.fakeScoreLearningRate * factor
        discriminatorOptimizer?.learningRate = configuration.fakeScoreLearningRate * factor

        let (drawing, drawn) = draw(draws)
        try check(drawing.value, "the student's x0")
        let gradient = loss.gradient(try judge(drawn))
        try check(gradient.value, "the loss's gradient")
        let isStill = stepCount < configuration.fakeScoreHeadStart
        let studentNorm = isStill ? 0 : try follow(gradient.value, of: drawing)
        memory = gradient.memory

        var turns: [FakeScoreTurn] = []
        for draw in draws.fakeScore { turns.append(try takeTurn(draw, drawn)) }
        func mean(_ value: (FakeScoreTurn) -> Double) -> Double {
            turns.reduce(0) { $0 + value($1) / Double(turns.count) }
        }
        stepCount += 1
        return DistillationStep(
            step: stepCount, samplesSeen: stepCount * configuration.batchSize,
            studentLoss: gradient.value.squaredNorm() / Double(2 * gradient.value.count),
            fakeScoreLoss: mean(\.loss), studentGradientNorm: studentNorm, fakeScoreGradientNorm: mean(\.norm),
            discriminatorLoss: discriminatorOptimizer.map { _ in mean { $0.discriminatorLoss } },
            diagnostics: gradient.diagnostics, seconds: (ContinuousClock.now - start) / .seconds(1),
            peakBytes: peakResidentBytes())
    }

    /// The student's pictures, and the batch that they are judged in.
    private func draw(_ draws: DistillationDraws) -> (drawing: Variable, drawn: DrawnSample) {
        var (prompts, latents) = (draws.prompts, draws.latents)
        var targets: Tensor?
        if loss.needs.contains(.pairs), let pairs = resources.pairs {
            prompts = draws.data.map { pairs.prompts[$0] }
            (latents, targets) = (
                pairs.noise(draws.data, orFresh: draws.latents), pairs.pictures.samples(draws.data)
            )
        }
        var noisedData: Tensor?
        if loss.needs.contains(.noisedData), let real = resources.realLatents {
            prompts = draws.data.map { real.prompts[$0] }
            noisedData = schedule.noisy(
                real.latents.samples(draws.data), noise: draws.noise, timesteps: draws.timesteps)
        }
        let condition = conditions.conditions(prompts)
        let drawing =
            noisedData.map { student.original(of: Variable($0), at: draws.timesteps, given: condition, on: schedule) }
            ?? student.generate(from: Variable(latents), given: condition)
        var drawn = DrawnSample(
            original: drawing.value, noise: draws.noise, timesteps: draws.timesteps, condition: condition,
            nullCondition: conditions.null, prompts: prompts)
        (drawn.noisedData, drawn.targets) = (noisedData, targets)
        (drawn.step, drawn.stream, drawn.memory) = (stepCount, draws.stream, memory)
        return (drawing, drawn)
    }

    /// What the networks say of the noised drawing.
    private func judge(_ drawn: DrawnSample) throws -> JudgedSample {
        let judges = Judges(
            teacher: teacher, fakeScore: fakeScore.network, schedule: schedule, resources: resources, student: student)
        let judged = judges.judge(drawn, needs: loss.needs)
        let judgements = [
            ("the teacher's epsilon", judged.teacherJudgement), ("the fake score's epsilon", judged.fakeScoreJudgement),
        ]
        for case (let name, let judgement?) in judgements {
            try check(judgement.conditional.value, name)
            if let unconditional = judgement.unconditional { try check(unconditional.value, name) }
        }
        return judged
    }

    /// The student's turn: the loss's gradient, reduced, back through the student.
    private func follow(_ gradient: Tensor, of drawing: Variable) throws -> Double {
        drawing.backward(from: gradient / configuration.gradientReduction.factor(of: gradient.shape))
        return try update(studentOptimizer, "the student's gradient")
    }

    /// Clips, steps, and forgets the gradients. Returns the norm before clipping.
    func update(_ optimizer: Adam, _ name: String) throws -> Double {
        defer { optimizer.zeroGradients() }
        let (norm, factor) = gradientNorm(of: optimizer.parameters, clippedTo: configuration.gradientNormLimit)
        guard norm.isFinite else {
            let count = optimizer.parameters.reduce(0) { $0 + ($1.gradient?.nonFiniteCount() ?? 0) }
            throw DistillationError.nonFinite(step: stepCount + 1, tensor: name, count: count)
        }
        optimizer.step(scalingGradientsBy: factor)
        return norm
    }

    func check(_ tensor: Tensor, _ name: String) throws {
        let count = tensor.nonFiniteCount()
        if count > 0 { throw DistillationError.nonFinite(step: stepCount + 1, tensor: name, count: count) }
    }

    private var plan: DrawPlan {
        let needs = loss.needs
        let data =
            needs.contains(.pairs)
            ? resources.pairs?.prompts.count : needs.contains(.noisedData) ? resources.realLatents?.prompts.count : nil
        return DrawPlan(
            promptCount: conditions.count, latentShape: latentShape, batch: configuration.batchSize,
            timesteps: loss.timesteps, training: configuration.fakeScoreTraining,
            fakeScoreTurns: needs.contains(.fakeScore) ? configuration.fakeScoreTraining.stepsPerStudentStep : 0,
            dataCount: data ?? 0,
            realCount: needs.contains(.discriminator) ? resources.realLatents?.prompts.count ?? 0 : 0)
    }
}
