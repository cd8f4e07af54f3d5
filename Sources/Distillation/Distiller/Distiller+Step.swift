import Autograd
import DiffusionModels
import Foundation
import Tensor

extension Distiller {
    /// Takes one step with random inputs from the run's own streams.
    ///
    /// Throws ``DistillationError/nonFinite(step:tensor:count:)``.
    @discardableResult
    public func step() throws -> DistillationStep {
        try step(with: streams.next(plan))
    }

    /// Takes one step with the given inputs. Throws ``DistillationError/nonFinite(step:tensor:count:)``.
    @discardableResult
    public func step(with inputs: StepInputs) throws -> DistillationStep {
        let start = ContinuousClock.now
        let factor = configuration.learningRateSchedule.factor(at: stepCount)
        studentOptimizer.learningRate = configuration.studentLearningRate * factor
        fakeScoreOptimizer.learningRate = configuration.fakeScoreLearningRate * factor
        discriminatorOptimizer?.learningRate = configuration.fakeScoreLearningRate * factor

        let (output, batch) = generate(inputs)
        try check(output.value, "the student's x0")
        let gradient = loss.gradient(try evaluate(batch))
        try check(gradient.value, "the loss's gradient")
        let isWarmUp = stepCount < configuration.fakeScoreWarmUpSteps
        let studentNorm = isWarmUp ? 0 : try updateStudent(along: gradient.value, output)
        memory = gradient.memory

        let updates = try inputs.fakeScore.map { try updateFakeScore($0, batch) }
        func mean(_ value: (FakeScoreUpdate) -> Double) -> Double {
            updates.reduce(0) { $0 + value($1) / Double(updates.count) }
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

    /// The student's output, and the batch on which the networks are evaluated.
    private func generate(_ inputs: StepInputs) -> (output: Variable, batch: GeneratedBatch) {
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
            noisedData.map { student.original(of: Variable($0), at: inputs.timesteps, given: condition, on: schedule) }
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
        let networks = ScoreNetworks(
            teacher: teacher, fakeScore: fakeScore.network, schedule: schedule, resources: resources, student: student)
        let input = networks.evaluate(batch, needs: loss.needs)
        let predictions = [
            ("the teacher's epsilon", input.teacherPrediction), ("the fake score's epsilon", input.fakeScorePrediction),
        ]
        for case (let name, let prediction?) in predictions {
            try check(prediction.conditional.value, name)
            if let unconditional = prediction.unconditional { try check(unconditional.value, name) }
        }
        return input
    }

    /// Backpropagates the loss's gradient, reduced over the batch, through the student and updates it. Returns the gradient's norm
    /// before clipping.
    private func updateStudent(along gradient: Tensor, _ output: Variable) throws -> Double {
        output.backward(from: gradient / configuration.gradientReduction.divisor(for: gradient.shape))
        return try update(studentOptimizer, "the student's gradient")
    }

    /// Clips the gradients, takes an optimiser step and clears them. Returns the norm before clipping.
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
