import Autograd
import Tensor

/// How images are generated from noise.
public enum PictureSampling: Sendable {
    /// In one step, by a one-step student.
    case oneStep
    /// In a few steps, by a student that was distilled for as many or more; see ``OneStepConfiguration/laterSteps``.
    case studentSteps(Int)
    /// In several steps, by a multi-step model.
    case steps(SamplingSettings)

    /// In several steps, with the sampler that the model's files name; see ``SamplingSettings``.
    public static func steps(_ steps: Int, guidanceScale: Double, negativePrompt: String = "") -> PictureSampling {
        .steps(SamplingSettings(steps: steps, guidanceScale: guidanceScale, negativePrompt: negativePrompt))
    }
}

extension PictureSampling {
    /// The settings by name, as recorded in image files, including those of the sampler if it is set.
    public var record: [String: String] {
        switch self {
        case .oneStep: ["steps": "1"]
        case .studentSteps(let count): ["steps": "\(count)"]
        case .steps(let settings): settings.record
        }
    }
}

extension PictureSampling {
    /// The negative prompt; nil without guidance.
    var negativePrompt: String? {
        if case .steps(let settings) = self, settings.isGuided { settings.negativePrompt } else { nil }
    }
}

extension TextToImageModel {
    /// A sampling that has been checked, with its sampler.
    ///
    /// Throws ``ModelError`` for a model that cannot be sampled this way, and for settings out of range.
    func checked(_ sampling: PictureSampling, operation: String) throws -> PictureSampling {
        try checkReadsNoImage(operation: operation)
        switch sampling {
        case .oneStep:
            if oneStep == nil { throw ModelError.notOneStepModel(path: name) }
            return sampling
        case .studentSteps(let count):
            guard let oneStep else { throw ModelError.notOneStepModel(path: name) }
            _ = try oneStep.steps(count)
            return sampling
        case .steps(var settings):
            settings.sampler = try sampler(for: settings, operation: operation)
            return .steps(settings)
        }
    }

    /// The latents of images from their starting noise, by a sampling that has been checked.
    ///
    /// - Parameters:
    ///   - sampling: how the model is sampled.
    ///   - latents: the starting noise, `[batch, height, width, channels]`.
    ///   - noise: the source of later noise, one stream per image.
    ///   - condition: the text condition, one per image.
    ///   - unconditional: the negative prompt's condition; used with guidance.
    func sampled(
        _ sampling: PictureSampling, from latents: Tensor, _ noise: LatentNoise, given condition: TextCondition,
        unconditional: TextCondition?
    ) throws -> Tensor {
        guard case .steps(let settings) = sampling, let sampler = settings.sampler else {
            guard let student else { throw ModelError.notOneStepModel(path: name) }
            let count = if case .studentSteps(let count) = sampling { count } else { 1 }
            var noise = noise
            return try student.generate(from: latents, steps: student.step.steps(count), given: condition) {
                noise.next(like: latents)
            }
        }
        let (network, guidance) = try guided(by: settings, from: unconditional, "sampled")
        var steps = try DiffusionSampler(
            sampler, network: network, predictionType: schedule.predictionType, condition: condition,
            guidance: guidance, steps: settings.steps, latents: latents, noise: noise)
        return try steps.last()?.latents ?? latents
    }
}

/// The sampling settings of a multi-step model.
public struct SamplingSettings: Sendable {
    /// The number of steps, at least 1.
    public var steps: Int
    /// The scale of classifier-free guidance. As in diffusers, a scale of 1 or below means no guidance: only the prompt is evaluated.
    public var guidanceScale: Double
    /// The weight of the guided prediction rescaled to the conditional one's standard deviation, 0 to 1: see ``Guidance/rescale``.
    public var guidanceRescale = 0.0
    /// The negative prompt, from which guidance moves away.
    public var negativePrompt: String
    /// The sampler; nil for the one that the model's files name, see ``TextToImageModel/sampler(named:timestepSpacing:eta:steps:)``.
    public var sampler: (any Sampler)?

    /// Settings with these values.
    public init(
        steps: Int, guidanceScale: Double, guidanceRescale: Double = 0, negativePrompt: String = "",
        sampler: (any Sampler)? = nil
    ) {
        (self.steps, self.guidanceScale, self.guidanceRescale) = (steps, guidanceScale, guidanceRescale)
        (self.negativePrompt, self.sampler) = (negativePrompt, sampler)
    }

    /// Whether guidance is used.
    public var isGuided: Bool { guidanceScale > 1 }

    /// Throws ``ModelError`` for a guidance scale or rescale out of range.
    func check(operation: String) throws {
        func check(_ value: Double, _ argument: String, _ range: ClosedRange<Double>) throws {
            guard range.contains(value) else {
                throw ModelError.invalidArgument(
                    operation: operation, argument: argument, expected: "\(range.lowerBound) to \(range.upperBound)",
                    found: "\(value)")
            }
        }
        try check(guidanceScale, "guidanceScale", Self.guidanceScales)
        try check(guidanceRescale, "guidanceRescale", 0...1)
    }

    /// The valid guidance scales; beyond these, Float32 overflows or images are noise.
    public static let guidanceScales: ClosedRange<Double> = -1000...1000

    /// The settings by name, as recorded in image files, including those of the sampler if it is set.
    var record: [String: String] {
        var record = ["steps": "\(steps)", "guidance scale": "\(guidanceScale)"]
        record["negative prompt"] = negativePrompt.isEmpty ? nil : negativePrompt
        record["guidance rescale"] = guidanceRescale == 0 ? nil : "\(guidanceRescale)"
        return record.merging(sampler?.record ?? [:]) { $1 }
    }
}
