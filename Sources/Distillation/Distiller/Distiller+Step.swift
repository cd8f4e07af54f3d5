import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import Tensor

extension Distiller {
    /// Takes one step with random inputs from the run's own streams.
    ///
    /// Throws `RunError.nonFinite(step:tensor:count:)`, ``LossGradientError`` and what the loss throws, `ModelError` for a network of
    /// one's own whose output has another shape, and `CancellationError` in a cancelled task, and leaves the distiller as it was before.
    @discardableResult
    public func step() throws -> DistillationStep {
        let before = streams
        do {
            return try step(with: streams.next(plan))
        } catch {
            streams = before
            throw error
        }
    }

    /// Takes one step with the given inputs.
    ///
    /// Throws as ``step()``, and leaves the distiller as it was before.
    @discardableResult
    package func step(with inputs: StepInputs) throws -> DistillationStep {
        try (configuration.studentPrecision ?? .current).within { try stepAtPrecision(with: inputs) }
    }

    private func stepAtPrecision(with inputs: StepInputs) throws -> DistillationStep {
        let start = ContinuousClock.now
        let factor = configuration.learningRateSchedule.factor(at: stepCount)
        studentOptimizer.learningRate = configuration.studentLearningRate * factor
        fakeScoreOptimizer.learningRate = configuration.fakeScoreLearningRate * factor
        discriminatorOptimizer?.learningRate = configuration.fakeScoreLearningRate * factor

        let (output, batch) = try generate(inputs)
        try check(output.value, "the student's x0")
        let gradient = try loss.checkedGradient(try evaluate(batch))
        try check(gradient.value, "the loss's gradient")
        let isWarmUp = stepCount < configuration.fakeScoreWarmUpSteps
        let (studentNorm, updates) = try update(along: isWarmUp ? nil : gradient.value, output, batch, inputs.fakeScore)
        memory = gradient.memory
        stepCount += 1
        func mean(_ value: (FakeScoreUpdate) -> Double) -> Double {
            updates.reduce(0) { $0 + value($1) / Double(updates.count) }
        }
        return DistillationStep(
            step: stepCount, samplesSeen: stepCount * configuration.batchSize,
            studentLoss: gradient.value.squaredNorm() / Double(2 * gradient.value.count),
            fakeScoreLoss: mean(\.loss), studentGradientNorm: studentNorm, fakeScoreGradientNorm: mean(\.norm),
            discriminatorLoss: discriminatorOptimizer.map { _ in mean { $0.discriminatorLoss } },
            diagnostics: gradient.diagnostics, seconds: (ContinuousClock.now - start) / .seconds(1),
            peakBytes: peakResidentBytes())
    }

    /// Updates the student along the loss's gradient, nil for not at all, and then the fake score as often as there are inputs: all of it,
    /// or after an error nothing.
    private func update(
        along gradient: Tensor?, _ output: Variable, _ batch: GeneratedBatch, _ inputs: [FakeScoreInputs]
    ) throws -> (studentNorm: Double, fakeScore: [FakeScoreUpdate]) {
        defer { for optimizer in optimizers { optimizer.zeroGradients() } }
        if let gradient {
            output.backward(from: gradient / configuration.gradientReduction.divisor(for: gradient.shape))
        }
        let student = try gradient.map { _ in try clipped(studentOptimizer, "the student's gradient") }
        let trained = [fakeScore.parameters] + (resources.discriminator.map { [$0.parameters] } ?? [])
        trained.forEach { $0.unfreeze() }
        defer { trained.forEach { $0.freeze() } }
        // One update on the same batch does not depend on the student's: both are checked before either is applied.
        let isIndependent = inputs.count <= 1 && inputs.first?.newSamples == nil
        let early = isIndependent ? try inputs.map { try fakeScoreUpdate($0, batch) } : nil
        let known = (student.map { [$0] } ?? []) + (early?.flatMap(\.steps) ?? [])
        let before = early != nil && known.allSatisfy(\.isCertainlyFinite) ? nil : UpdatedState(of: self)
        let number = stepCount + 1
        do {
            try student?.apply("the student", step: number)
            let updates =
                try early?.map { try $0.applied(step: number) }
                ?? inputs.map { try fakeScoreUpdate($0, batch).applied(step: number) }
            return (student?.norm ?? 0, updates)
        } catch {
            before?.restore(self)
            throw error
        }
    }

    /// The student's output, and the batch on which the networks are evaluated.
    private func generate(_ inputs: StepInputs) throws -> (output: Variable, batch: GeneratedBatch) {
        var (prompts, latents) = (inputs.prompts, inputs.latents)
        var targets: Tensor?
        if loss.needs.contains(.pairs), let pairs = resources.pairs {
            prompts = inputs.data.map { pairs.prompts[$0] }
            (latents, targets) = (
                pairs.noise(inputs.data, orFresh: inputs.latents), pairs.pictures.gathered(rows: inputs.data)
            )
        }
        var noisedData: Tensor?
        if loss.needs.contains(.noisedData), let real = resources.realLatents {
            prompts = inputs.data.map { real.prompts[$0] }
            noisedData = schedule.noisy(
                real.latents.gathered(rows: inputs.data), noise: inputs.noise, timesteps: inputs.timesteps)
        }
        let condition = conditions.conditions(prompts)
        let output =
            try noisedData.map {
                try student.original(of: Variable($0), at: inputs.timesteps, given: condition, on: schedule)
            }
            ?? student.generate(from: Variable(latents), given: condition)
        var batch = GeneratedBatch(
            original: output.value, noise: inputs.noise, timesteps: inputs.timesteps, condition: condition,
            nullCondition: conditions.null, prompts: prompts)
        (batch.noisedData, batch.targets) = (noisedData, targets)
        (batch.step, batch.stream, batch.memory) = (stepCount, inputs.stream, memory)
        return (output, batch)
    }

    /// The networks' predictions on the noised batch, which must be finite.
    private func evaluate(_ batch: GeneratedBatch) throws -> LossInput {
        var networks = ScoreNetworks(
            teacher: teacher, fakeScore: fakeScore.network, schedule: schedule, resources: resources, student: student)
        (networks.teacherPrecision, networks.fakeScorePrecision) = (
            configuration.teacherPrecision, configuration.fakeScorePrecision
        )
        let input = try networks.evaluate(batch, needs: loss.needs)
        let predictions = [
            ("the teacher's epsilon", input.teacherPrediction), ("the fake score's epsilon", input.fakeScorePrediction),
        ]
        for case (let name, let prediction?) in predictions {
            try check(prediction.conditional.value, name)
            if let unconditional = prediction.unconditional { try check(unconditional.value, name) }
        }
        return input
    }

    /// The step that an optimiser will take, with its gradients clipped. Throws for gradients that are not finite.
    func clipped(_ optimizer: Adam, _ name: String) throws -> ClippedStep {
        try Task.checkCancellation()
        return try ClippedStep(
            of: optimizer, limit: configuration.gradientNormLimit, name, step: stepCount + 1, in: group)
    }

    /// Checks the result of a network pass, after which a cancelled task stops.
    func check(_ tensor: Tensor, _ name: String) throws {
        try Task.checkCancellation()
        try tensor.checkFinite(name, step: stepCount + 1)
    }

    private var plan: StepPlan {
        let needs = loss.needs
        let data =
            needs.contains(.pairs)
            ? resources.pairs?.prompts.count : needs.contains(.noisedData) ? resources.realLatents?.prompts.count : nil
        return StepPlan(
            promptCount: conditions.count, latentShape: latentShape, batch: configuration.batchSize,
            timesteps: loss.timesteps, training: configuration.fakeScoreTraining,
            fakeScoreUpdates: needs.contains(.fakeScore) ? configuration.fakeScoreTraining.updatesPerStudentUpdate : 0,
            dataCount: data ?? 0,
            realCount: needs.contains(.discriminator) ? resources.realLatents?.prompts.count ?? 0 : 0)
    }
}
