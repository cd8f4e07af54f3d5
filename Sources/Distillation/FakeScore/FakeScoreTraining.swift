import Autograd
import DiffusionModels
import Tensor

/// How the fake score is trained on the student's samples: the mean of w(t) (prediction − target)² over noised samples.
public struct FakeScoreTraining: Codable, Sendable, Equatable {
    /// The prediction type of the loss; the network's output is converted to it.
    public var target = PredictionType.epsilon
    /// w; SwiftBrush's code weights by α_t².
    public var weight = TimestepWeight.signal
    /// The range from which timesteps are sampled uniformly.
    public var timesteps = 0..<1000
    /// The probability that a sample's prompt is replaced by the empty prompt.
    public var nullPromptRate = 0.1
    /// Whether prompts are dropped per sample; SwiftBrush's code drops all of a batch or none.
    public var dropsPromptsPerSample = false
    /// κ of the prediction that is compared with the target: 1 except in SiD-LSG.
    public var guidanceScale = 1.0
    /// Updates of the fake score per update of the student.
    public var updatesPerStudentUpdate = 1
    /// Whether each update generates new samples, instead of adding new noise to those of the student's update.
    public var usesNewSamples = false
    /// The weight of the discriminator's loss, if the loss needs a discriminator.
    public var discriminatorWeight = 1e-2

    /// SwiftBrush's settings.
    public init() {}

    /// Unweighted noise prediction, as in DMD and Diff-Instruct.
    public static var plain: FakeScoreTraining {
        var training = FakeScoreTraining()
        (training.weight, training.nullPromptRate) = (.one, 0)
        return training
    }

    /// ProlificDreamer's training: unweighted, each sample's prompt dropped with probability 0.1.
    public static var prolificDreamer: FakeScoreTraining {
        var training = FakeScoreTraining()
        (training.weight, training.dropsPromptsPerSample) = (.one, true)
        return training
    }

    /// DMD2's training: five updates per update of the student, each on new samples.
    public static var dmd2: FakeScoreTraining {
        var training = plain
        (training.updatesPerStudentUpdate, training.usesNewSamples) = (5, true)
        return training
    }

    /// SiD's training, and SiD-LSG's with a guidance scale: unweighted at 20 ≤ t < 980, on new samples.
    public static func scoreIdentity(guidanceScale: Double = 1) -> FakeScoreTraining {
        var training = plain
        (training.timesteps, training.guidanceScale, training.usesNewSamples) = (20..<980, guidanceScale, true)
        return training
    }

    /// The loss of a batch, a scalar.
    ///
    /// - Parameters:
    ///   - network: the fake score, in the schedule's prediction type.
    ///   - original: x̂₀, `[batch, height, width, channels]`.
    ///   - inputs: noise and timesteps.
    ///   - condition: the text embeddings, `[batch, tokens, width]`.
    ///   - nullCondition: the empty prompt's, `[1, tokens, width]` or one per sample; read if ``guidanceScale`` is not 1.
    ///   - schedule: the teacher's noise schedule.
    ///
    /// Throws `ModelError` for a network whose output does not have the samples' shape.
    public func loss(
        of network: any DenoisingNetwork, on original: Tensor, _ inputs: FakeScoreInputs,
        given condition: TextCondition,
        nullCondition: TextCondition, schedule: NoiseSchedule
    ) throws -> Variable {
        let noisy = Variable(schedule.noisy(original, noise: inputs.noise, timesteps: inputs.timesteps))
        let output = try guided(network, noisy, inputs.timesteps, condition, nullCondition)
        let prediction = schedule.convert(output, to: target, noisy: noisy, timesteps: inputs.timesteps)
        let goal = schedule.convert(
            inputs.noise, from: .epsilon, to: target, noisy: noisy.value, timesteps: inputs.timesteps)
        let roots = inputs.timesteps.map { Float(weight($0, in: schedule).squareRoot()) }
        let scale = Variable(Tensor(perSample: roots))
        return ((prediction - Variable(goal)) * scale).squared().mean()
    }

    /// u + κ (c − u) in the network's prediction type; all prediction types are affine functions of each other.
    private func guided(
        _ network: any DenoisingNetwork, _ noisy: Variable, _ timesteps: [Int], _ condition: TextCondition,
        _ null: TextCondition
    ) throws -> Variable {
        let times = timesteps.map(Double.init)
        if guidanceScale == 1 { return try network.checkedPrediction(noisy, at: times, given: condition) }
        let outputs = network.predict(noisy, at: times, givenEach: [condition, null])
        try network.checkOutputs(outputs, count: 2, of: noisy)
        return Guidance.combine(unconditional: outputs[1], conditional: outputs[0], scale: guidanceScale)
    }

    /// The discriminator's loss of a batch, a scalar: mean softplus(D) over the student's noised samples, plus mean
    /// softplus(−D) over noised real ones.
    ///
    /// - Parameters:
    ///   - discriminator: the discriminator.
    ///   - original: x̂₀, `[batch, height, width, channels]`.
    ///   - condition: their prompts' embeddings, `[batch, tokens, width]`.
    ///   - real: latents of real images, `[batch, height, width, channels]`.
    ///   - realCondition: their prompts' embeddings.
    ///   - inputs: the timesteps of both, and the noise of the student's samples.
    ///   - realNoise: the noise of the real images.
    ///   - schedule: the teacher's noise schedule.
    ///
    /// Throws ``DistillationError`` for a discriminator whose logits have another shape.
    public func discriminatorLoss(
        of discriminator: any Discriminator, on original: Tensor, given condition: TextCondition, real: Tensor,
        given realCondition: TextCondition, _ inputs: FakeScoreInputs, realNoise: Tensor, schedule: NoiseSchedule
    ) throws -> Variable {
        func logits(_ pictures: Tensor, _ noise: Tensor, _ condition: TextCondition) throws -> Variable {
            let noisy = Variable(schedule.noisy(pictures, noise: noise, timesteps: inputs.timesteps))
            return try discriminator.checkedLogits(of: noisy, at: inputs.timesteps, given: condition)
        }
        let fake = try logits(original, inputs.noise, condition).softplus().mean()
        return fake + (-(try logits(real, realNoise, realCondition))).softplus().mean()
    }
}
