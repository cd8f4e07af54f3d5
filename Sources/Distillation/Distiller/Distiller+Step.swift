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
        let rates = configuration.learningRates(at: stepCount)
        studentOptimizer.learningRate = rates.student
        fakeScoreOptimizer.learningRate = rates.fakeScore
        discriminatorOptimizer?.learningRate = rates.fakeScore

        defer { for optimizer in optimizers { optimizer.zeroGradients() } }
        let parts = try BatchParts(configuration.accumulatedParts, of: inputs.timesteps.count, in: group)
        let pass = try studentPass(inputs, parts)
        var errors = pass.fakeScoreError.map { ["newest": $0] }
        errors?["older"] = try errorOnEarlierSamples(inputs, parts)
        let kept = try samplesToKeep(pass, parts)
        let (studentNorm, updates) = try update(with: pass, inputs.fakeScore, parts)
        (memory, earlierSamples) = (pass.memory, kept)
        stepCount += 1
        func mean(_ value: (FakeScoreUpdate) -> Double) -> Double {
            updates.reduce(0) { $0 + value($1) / Double(updates.count) }
        }
        return DistillationStep(
            step: stepCount, samplesSeen: stepCount * configuration.batchSize,
            studentLoss: pass.squaredNorm / Double(2 * inputs.latents.count),
            fakeScoreLoss: mean(\.loss), studentGradientNorm: studentNorm, fakeScoreGradientNorm: mean(\.norm),
            discriminatorLoss: discriminatorOptimizer.map { _ in mean { $0.discriminatorLoss } },
            x0Mean: pass.moments.mean, x0Deviation: pass.moments.deviation, fakeScoreErrors: errors,
            diagnostics: pass.diagnostics, seconds: (ContinuousClock.now - start) / .seconds(1),
            peakBytes: peakResidentBytes())
    }

    /// Updates the student with its gradient, except in a warm-up step, and then the fake score as often as there are inputs: all of it, or
    /// after an error nothing.
    private func update(
        with pass: StudentPass, _ inputs: [FakeScoreInputs], _ parts: BatchParts
    ) throws -> (studentNorm: Double, fakeScore: [FakeScoreUpdate]) {
        let student = isWarmingUp ? nil : try clipped(studentOptimizer, in: sharedStudent, "the student's gradient")
        let trained = [fakeScore.parameters] + (resources.discriminator.map { [$0.parameters] } ?? [])
        trained.forEach { $0.unfreeze() }
        defer { trained.forEach { $0.freeze() } }
        // One update on the same batch does not depend on the student's: both are checked before either is applied.
        let alignment = student == nil || inputs.isEmpty ? nil : configuration.fakeScoreAlignment
        let isIndependent = inputs.count <= 1 && inputs.first?.newSamples == nil && alignment == nil
        let early = isIndependent ? try inputs.map { try fakeScoreUpdate($0, pass.batches, parts) } : nil
        let known = (student.map { [$0] } ?? []) + (early?.flatMap(\.steps) ?? [])
        let before = early != nil && known.allSatisfy(\.isCertainlyFinite) ? nil : UpdatedState(of: self)
        let number = stepCount + 1
        do {
            try student?.apply("the student", step: number)
            if let alignment {
                try fakeScore.align(with: self.student.parameters, of: teacher.parameters, keeping: alignment)
            }
            let updates =
                try early?.map { try $0.applied(step: number) }
                ?? inputs.map { try fakeScoreUpdate($0, pass.batches, parts).applied(step: number) }
            return (student?.norm ?? 0, updates)
        } catch {
            before?.restore(self)
            throw error
        }
    }

    /// Whether the student is not updated yet.
    var isWarmingUp: Bool { stepCount < configuration.fakeScoreWarmUpSteps }

    /// The step that an optimiser will take, with its gradients clipped. Throws for gradients that are not finite.
    func clipped(_ optimizer: Adam, in shared: SharedOptimizers, _ name: String) throws -> SharedUpdate {
        try shared.update(of: optimizer, limit: configuration.gradientNormLimit, name, step: stepCount + 1)
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
            timesteps: loss.timesteps, guidanceTimesteps: loss.guidanceTimesteps,
            training: configuration.fakeScoreTraining,
            fakeScoreUpdates: needs.contains(.fakeScore) ? configuration.fakeScoreTraining.updatesPerStudentUpdate : 0,
            dataCount: data ?? 0,
            realCount: needs.contains(.discriminator) ? resources.realLatents?.prompts.count ?? 0 : 0,
            studentSteps: student.step, matchesSegments: configuration.matchesSegments)
    }
}
