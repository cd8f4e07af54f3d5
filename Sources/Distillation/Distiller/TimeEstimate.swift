import Autograd
import Tensor

/// About how long a step of a distillation will take, from one pass that was timed.
public struct TimeEstimate: Sendable, Equatable, CustomStringConvertible {
    /// Passes forward through a network that a step's work comes to.
    public let passes: Int
    /// Of one pass over a batch.
    public let secondsOfPass: Double

    /// Of a step.
    public var seconds: Double { Double(passes) * secondsOfPass }

    /// One line.
    public var description: String {
        func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
        return
            "time: about \(rounded(seconds)) s a step (the work of \(passes) passes forward, of which one took "
            + "\(rounded(secondsOfPass)) s)"
    }
}

extension Distiller {
    /// Lets the teacher judge a batch of zeros, twice because the first pass also reads the weights, and counts how often a
    /// step does as much work.
    public func estimateTime() -> TimeEstimate {
        let batch = configuration.batchSize
        let text = conditions.nulls(batch)
        let latents = Variable(Tensor(repeating: 0, shape: [batch] + latentShape))
        let timesteps = Array(repeating: Double(configuration.studentTimestep), count: batch)
        let clock = ContinuousClock()
        let durations = (0..<2).map { _ in
            clock.measure { _ = teacher.predict(latents, at: timesteps, given: text) }
        }
        return TimeEstimate(passes: passesOfStep, secondsOfPass: durations[1] / .seconds(1))
    }

    /// A backward pass counts as two for the activations' gradients, and as three with the weights': what it took beside a
    /// forward pass in networks of 3 to 866 million parameters.
    private var passesOfStep: Int {
        let (needs, training) = (loss.needs, configuration.fakeScoreTraining)
        func passes(_ network: (LossNeeds, LossNeeds, jacobian: LossNeeds)) -> Int {
            let forward = (needs.contains(network.0) ? 1 : 0) + (needs.contains(network.1) ? 1 : 0)
            return needs.contains(network.jacobian) ? 2 * forward : forward
        }
        let evaluation =
            passes((.teacher, .unconditionalTeacher, .teacherJacobian))
            + passes((.fakeScore, .unconditionalFakeScore, .fakeScoreJacobian))
        let student = configuration.recomputesBlocks ? 5 : 4
        guard needs.contains(.fakeScore) else { return student + evaluation }
        let guided = training.guidanceScale == 1 ? 1 : 2
        let update = guided * (fakeScore.adapters == nil ? 4 : 3) + (training.usesNewSamples ? 1 : 0)
        return student + evaluation + training.updatesPerStudentUpdate * update
    }
}
