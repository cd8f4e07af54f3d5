import Autograd
import Tensor

/// An estimate of a distillation step's duration, from one timed forward pass.
public struct TimeEstimate: Sendable, Equatable, CustomStringConvertible {
    /// The work of a step in forward passes through a network.
    public let passes: Int
    /// The seconds of one forward pass over a batch.
    public let secondsOfPass: Double

    /// The estimated seconds of a step.
    public var seconds: Double { Double(passes) * secondsOfPass }

    /// The estimate as one line.
    public var description: String {
        func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
        return
            "time: about \(rounded(seconds)) s per step (the work of \(passes) forward passes, each about "
            + "\(rounded(secondsOfPass)) s)"
    }
}

extension Distiller {
    /// Times the teacher on this process's share of a batch, of zeros, and counts the forward passes that a step amounts to. The teacher runs twice, because
    /// the first pass also reads the weights.
    public func estimateTime() -> TimeEstimate {
        let batch = max(1, configuration.batchSize / group.count)
        let text = conditions.nulls(batch)
        let latents = Variable(Tensor(repeating: 0, shape: [batch] + latentShape))
        let timesteps = Array(repeating: Double(configuration.studentTimestep), count: batch)
        let clock = ContinuousClock()
        let durations = (0..<2).map { _ in
            clock.measure { _ = teacher.predict(latents, at: timesteps, given: text) }
        }
        return TimeEstimate(passes: passesOfStep, secondsOfPass: durations[1] / .seconds(1))
    }

    /// A backward pass counts as two forward passes for the activations' gradients, and as three with the weights': measured in
    /// networks of 3 to 866 million parameters.
    private var passesOfStep: Int {
        let (needs, training) = (loss.needs, configuration.fakeScoreTraining)
        func passes(_ network: (LossNeeds, LossNeeds, jacobian: LossNeeds)) -> Int {
            let forward = (needs.contains(network.0) ? 1 : 0) + (needs.contains(network.1) ? 1 : 0)
            return needs.contains(network.jacobian) ? 2 * forward : forward
        }
        let evaluation =
            passes((.teacher, .unconditionalTeacher, .teacherJacobian))
            + passes((.fakeScore, .unconditionalFakeScore, .fakeScoreJacobian))
        let trained = (configuration.recomputesBlocks ? 5 : 4) - (student.adapters == nil ? 0 : 1)
        let student = trained + (loss.guidanceTimesteps == nil ? 0 : 2)
        guard needs.contains(.fakeScore) else { return student + evaluation }
        let guided = training.guidanceScale == 1 ? 1 : 2
        let update = guided * (fakeScore.adapters == nil ? 4 : 3) + (training.usesNewSamples ? 1 : 0)
        return student + evaluation + training.updatesPerStudentUpdate * update
    }
}
