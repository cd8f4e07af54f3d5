import Autograd
import DiffusionModels
import SwiftBrushRuntime
import Tensor

/// Samples of an earlier step, on which the fake score's error is compared with that on the newest.
struct EarlierSamples {
    /// x̂₀ of the whole batch.
    let original: Tensor
    /// Indices of the prompts, one per sample.
    let prompts: [Int]

    private static let names = (original: "earlier samples/x0", prompts: "earlier samples/prompts")

    init(original: Tensor, prompts: [Int]) { (self.original, self.prompts) = (original, prompts) }

    /// The samples among the tensors of a checkpoint, which are removed from them; nil if there are none.
    init?(removedFrom tensors: inout [String: Tensor]) {
        guard let original = tensors.removeValue(forKey: Self.names.original),
            let prompts = tensors.removeValue(forKey: Self.names.prompts)
        else { return nil }
        self.init(original: original, prompts: prompts.scalars.map { Int($0) })
    }

    /// The tensors that a checkpoint keeps.
    var tensors: [String: Tensor] {
        [
            Self.names.original: original,
            Self.names.prompts: Tensor(prompts.map { Float($0) }, shape: [prompts.count]),
        ]
    }
}

extension Distiller {
    /// Whether the fake score's lag is measured after the steps taken so far and the next one.
    private var isLagDue: Bool {
        guard let interval = configuration.lagInterval else { return false }
        return loss.needs.contains(.fakeScore) && (stepCount + 1) % interval == 0
    }

    /// The fake score's mean squared error in ε on the earlier samples, with this step's noise and timesteps; nil in a step in which it is
    /// not measured.
    func errorOnEarlierSamples(_ inputs: StepInputs, _ parts: BatchParts) throws -> Double? {
        guard isLagDue, let earlier = earlierSamples else { return nil }
        return try parts.results { part in
            let own = inputs.samples(part.rows)
            let original = earlier.original.sliced(axis: 0, part.rows)
            let noisy = Variable(schedule.noisy(original, noise: own.noise, timesteps: own.timesteps))
            let output = try (configuration.fakeScorePrecision ?? .current).within {
                try fakeScore.network.checkedPrediction(
                    noisy, at: own.timesteps.map(Double.init),
                    given: conditions.conditions(Array(earlier.prompts[part.rows])))
            }
            let epsilon = schedule.convert(output, to: .epsilon, noisy: noisy, timesteps: own.timesteps)
            return (epsilon.value - own.noise).squaredNorm() / Double(original.count) * part.share
        }.reduce(0, +)
    }

    /// The samples of a step for the next comparison, or the ones that are kept already.
    func samplesToKeep(_ pass: StudentPass, _ parts: BatchParts) throws -> EarlierSamples? {
        guard isLagDue else { return earlierSamples }
        let prompts = pass.batches.map { Tensor($0.prompts.map { Float($0) }, shape: [$0.prompts.count]) }
        return EarlierSamples(
            original: try parts.joined(pass.batches.map(\.original)),
            prompts: try parts.joined(prompts).scalars.map { Int($0) })
    }
}
