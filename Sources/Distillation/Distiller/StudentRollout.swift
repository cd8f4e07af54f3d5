import Autograd
import DiffusionModels
import Tensor

/// The step of a student of several steps that is trained in a step of the run, and the noise on the way to it.
package struct StudentRollout: Sendable {
    /// The index of the student's step.
    package var step: Int
    /// ε with which the output of each step before it is noised for the next one, `[batch, height, width, channels]` each.
    package var noise: [Tensor]

    /// A rollout up to a step. There is as much noise as steps before it.
    package init(step: Int, noise: [Tensor]) { (self.step, self.noise) = (step, noise) }

    /// Draws a step uniformly, and the noise before it.
    init(steps: Int, _ shape: [Int], using stream: inout RandomStream) {
        step = stream.integer(in: 0..<steps)
        noise = []
        for _ in 0..<step { noise.append(stream.normal(shape)) }
    }

    /// The rollout of some samples of the batch.
    func samples(_ rows: Range<Int>) -> StudentRollout {
        StudentRollout(step: step, noise: noise.map { $0.sliced(axis: 0, rows) })
    }
}

extension OneStepStudent {
    /// The output of a rollout's step. The steps before it are computed as in sampling, and gradients flow through the last one only, as in
    /// DMD2's backward simulation (arXiv 2405.14867).
    ///
    /// Throws `ModelError` as ``generate(from:given:)``.
    func generate(
        from noise: Tensor, _ rollout: StudentRollout?, given condition: TextCondition
    ) throws -> Variable {
        guard let rollout, rollout.step > 0 else { return try generate(from: Variable(noise), given: condition) }
        let steps = step.steps
        var later = rollout.noise[...]
        let before = try frozenCopy.generate(from: noise, steps: Array(steps[..<rollout.step]), given: condition) {
            later.removeFirst()
        }
        let last = steps[rollout.step]
        let noisy = last.level.noisy(before, noise: later.removeFirst())
        return try original(of: Variable(noisy), at: last, given: condition)
    }

    /// The same student with weights to which no gradients flow.
    private var frozenCopy: OneStepStudent {
        let copy = adapters?.copy(trainable: false)
        let scope =
            copy.map { network.parameters.scope(adapters: $0) } ?? parameters.copy(trainable: false).scope
        return OneStepStudent(network: network.over(scope), step: step, predictionType: predictionType, adapters: copy)
    }
}

extension OneStepConfiguration {
    /// The timesteps of a step's segment, from the next step's timestep, or 0, to its own, within `range`.
    func segment(of index: Int, within range: Range<Int>) -> Range<Int> {
        let all = steps
        let next = index + 1 < all.count ? all[index + 1].timestep : 0
        return (next..<max(next, all[index].timestep) + 1).clamped(to: range)
    }
}
