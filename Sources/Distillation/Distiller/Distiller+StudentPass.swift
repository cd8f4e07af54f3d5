import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import Tensor

/// The first half of a step: what the student generated, and the loss on it. The student's gradients are in its parameters, except in a
/// warm-up step.
struct StudentPass {
    /// What the student generated in each part of this process.
    let batches: [GeneratedBatch]
    /// The squared norm of the loss's gradient in the whole batch.
    let squaredNorm: Double
    /// The loss's diagnostics of the whole batch.
    let diagnostics: [String: Double]
    /// The mean and deviation of the whole batch's elements.
    let moments: (mean: Double, deviation: Double)
    /// The fake score's mean squared error in ε on the whole batch; nil if the loss does not evaluate it.
    let fakeScoreError: Double?
    /// The memory that the loss returned.
    let memory: [String: Tensor]
}

/// What a part contributes to a step's metrics.
private struct LossTotals: Codable {
    var squaredNorm: Double
    var diagnostics: [String: Double]
    /// The means of x̂₀, of x̂₀² and of the fake score's squared errors, times the share of the batch.
    var mean, square: Double
    var fakeScoreError: Double?

    /// Those of a part.
    init(_ gradient: LossGradient, of input: LossInput, share: Double) {
        let original = input.batch.original
        squaredNorm = gradient.value.squaredNorm()
        diagnostics = gradient.diagnostics.mapValues { $0 * share }
        (mean, square) = (original.mean() * share, original.squaredNorm() / Double(original.count) * share)
        fakeScoreError = input.fakeScorePrediction.map {
            ($0.conditional.value - input.batch.noise).squaredNorm() / Double(original.count) * share
        }
    }

    static func + (a: LossTotals, b: LossTotals) -> LossTotals {
        var sum = a
        sum.squaredNorm += b.squaredNorm
        (sum.mean, sum.square) = (a.mean + b.mean, a.square + b.square)
        sum.fakeScoreError = a.fakeScoreError.flatMap { own in b.fakeScoreError.map { own + $0 } }
        sum.diagnostics.merge(b.diagnostics, uniquingKeysWith: +)
        return sum
    }
}

extension Distiller {
    /// Generates the batch, evaluates the networks and the loss on it, and computes the student's gradients, part by part.
    func studentPass(_ inputs: StepInputs, _ parts: BatchParts) throws -> StudentPass {
        try loss.couplesSamples && parts.count > 1 ? coupledPass(inputs, parts) : independentPass(inputs, parts)
    }

    /// The pass of a loss that needs no other part of the batch than the one at hand.
    private func independentPass(_ inputs: StepInputs, _ parts: BatchParts) throws -> StudentPass {
        var batches: [GeneratedBatch] = []
        var memory: [String: Tensor] = [:]
        let totals = try sharedStudent.gradients(of: parts) { part in
            let (output, batch) = try generate(inputs.samples(part.rows))
            try check(output.value, "the student's x0")
            let input = try evaluate(batch, needs: needs(at: inputs))
            let gradient = try loss.checkedGradient(input)
            guard parts.count == 1 || gradient.memory.isEmpty else {
                throw DistillationError.invalidSetting(
                    name: "loss.couplesSamples", expected: "true for \(type(of: loss).name), which has a memory",
                    found: "false")
            }
            try check(gradient.value, "the loss's gradient")
            batches.append(batch)
            memory = gradient.memory
            return forward(LossTotals(gradient, of: input, share: part.share), gradient.value, of: output, inputs)
        }
        return pass(batches, totals, memory)
    }

    /// The pass of a loss whose gradient of a sample depends on others: all parts are generated and evaluated first, and every process
    /// computes the loss of the whole batch. Then the student generates each part again, and its rows of the gradient are propagated.
    private func coupledPass(_ inputs: StepInputs, _ parts: BatchParts) throws -> StudentPass {
        student.parameters.freeze()
        defer { student.parameters.unfreeze() }
        var batches: [GeneratedBatch] = []
        var evaluated: [LossInput] = []
        _ = try group.results {
            for part in parts.own {
                let (output, batch) = try generate(inputs.samples(part.rows))
                try check(output.value, "the student's x0")
                evaluated.append(try evaluate(batch, needs: needs(at: inputs).withoutJacobians))
                batches.append(batch)
            }
            return true
        }
        func joined(_ rows: (LossInput) -> Variable?) throws -> Variable? {
            let own = evaluated.compactMap(rows)
            return own.isEmpty ? nil : Variable(try parts.joined(own.map(\.value)))
        }
        let original = try parts.joined(batches.map(\.original))
        let teacher = (
            try joined { $0.teacherPrediction?.conditional }, try joined { $0.teacherPrediction?.unconditional }
        )
        let fake = (
            try joined { $0.fakeScorePrediction?.conditional }, try joined { $0.fakeScorePrediction?.unconditional }
        )
        let guidance = (
            try joined { $0.guidancePrediction?.conditional }, try joined { $0.guidancePrediction?.unconditional }
        )
        var total: (gradient: LossGradient, input: LossInput)?
        _ = try group.results {
            var batch = self.batch(inputs)
            batch.original = original
            let earlier = networks.input(batch, teacher: teacher, fakeScore: fake, guidance: guidance)
            let input = try evaluate(batch, needs: needs(at: inputs), reusing: earlier)
            let value = try loss.checkedGradient(input)
            try check(value.value, "the loss's gradient")
            total = (value, input)
            return true
        }
        student.parameters.unfreeze()
        if let value = total?.gradient.value, !isWarmingUp {
            _ = try sharedStudent.gradients(of: parts) { part in
                let (output, _) = try generate(inputs.samples(part.rows))
                return forward(true, value.sliced(axis: 0, part.rows), of: output, inputs)
            }
        }
        return pass(
            batches, total.map { [LossTotals($0.gradient, of: $0.input, share: 1)] } ?? [],
            total?.gradient.memory ?? [:])
    }

    private func pass(
        _ batches: [GeneratedBatch], _ totals: [LossTotals], _ memory: [String: Tensor]
    ) -> StudentPass {
        let total = totals.dropFirst().reduce(totals[0], +)
        let variance = max(0, total.square - total.mean * total.mean)
        return StudentPass(
            batches: batches, squaredNorm: total.squaredNorm, diagnostics: total.diagnostics,
            moments: (total.mean, variance.squareRoot()), fakeScoreError: total.fakeScoreError, memory: memory)
    }

    /// A part's result, and the student's backward pass from the loss's gradient, except in a warm-up step.
    private func forward<Result>(
        _ result: Result, _ gradient: Tensor, of output: Variable, _ inputs: StepInputs
    ) -> SharedOptimizers.Forward<Result> {
        .init(
            result, of: isWarmingUp ? nil : output,
            gradient: gradient / configuration.gradientReduction.divisor(for: inputs.latents.shape))
    }

    /// The student's output, and the batch on which the networks are evaluated.
    private func generate(_ inputs: StepInputs) throws -> (output: Variable, batch: GeneratedBatch) {
        var batch = self.batch(inputs)
        let output =
            try batch.noisedData.map {
                try student.original(of: Variable($0), at: batch.timesteps, given: batch.condition, on: schedule)
            }
            ?? student.generate(from: batch.original, inputs.rollout, given: batch.condition)
        batch.original = output.value
        return (output, batch)
    }

    /// What the loss reads at the student's step of the inputs.
    private func needs(at inputs: StepInputs) -> LossNeeds { loss.needs(atStep: inputs.rollout?.step ?? 0) }

    /// The batch with the student's input in place of its output.
    private func batch(_ inputs: StepInputs) -> GeneratedBatch {
        var (prompts, latents) = (inputs.prompts, inputs.latents)
        var targets: Tensor?
        let needs = needs(at: inputs)
        if needs.contains(.pairs), let pairs = resources.pairs {
            prompts = inputs.data.map { pairs.prompts[$0] }
            (latents, targets) = (
                pairs.noise(inputs.data, orFresh: inputs.latents), pairs.pictures.gathered(rows: inputs.data)
            )
        }
        var noisedData: Tensor?
        if needs.contains(.noisedData), let real = resources.realLatents {
            prompts = inputs.data.map { real.prompts[$0] }
            noisedData = schedule.noisy(
                real.latents.gathered(rows: inputs.data), noise: inputs.noise, timesteps: inputs.timesteps)
        }
        var batch = GeneratedBatch(
            original: latents, noise: inputs.noise, timesteps: inputs.timesteps,
            condition: conditions.conditions(prompts), nullCondition: conditions.null, prompts: prompts)
        (batch.noisedData, batch.targets, batch.guidance) = (noisedData, targets, inputs.guidance)
        (batch.step, batch.stream, batch.memory) = (stepCount, inputs.stream, memory)
        batch.studentStep = inputs.rollout?.step ?? 0
        return batch
    }

    private var networks: ScoreNetworks {
        var networks = ScoreNetworks(
            teacher: teacher, fakeScore: fakeScore.network, schedule: schedule, resources: resources, student: student)
        (networks.teacherPrecision, networks.fakeScorePrecision) = (
            configuration.teacherPrecision, configuration.fakeScorePrecision
        )
        return networks
    }

    /// The networks' predictions on the noised batch, which must be finite.
    private func evaluate(
        _ batch: GeneratedBatch, needs: LossNeeds, reusing earlier: LossInput? = nil
    ) throws -> LossInput {
        let input = try networks.evaluate(batch, needs: needs, reusing: earlier)
        let predictions = [
            ("the teacher's epsilon", input.teacherPrediction), ("the fake score's epsilon", input.fakeScorePrediction),
            ("the teacher's epsilon of the guidance term", input.guidancePrediction),
        ]
        for case (let name, let prediction?) in predictions {
            try check(prediction.conditional.value, name)
            if let unconditional = prediction.unconditional { try check(unconditional.value, name) }
        }
        return input
    }
}
