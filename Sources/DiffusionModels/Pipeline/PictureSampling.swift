/// How pictures are made of noise.
public enum PictureSampling: Sendable {
    /// In one step, by a one-step student.
    case oneStep
    /// In several, by a multi-step model.
    case steps(SamplingSettings)

    /// In several steps by the sampler that the model's files name; see ``SamplingSettings``.
    public static func steps(_ steps: Int, guidanceScale: Double, negativePrompt: String = "") -> PictureSampling {
        .steps(SamplingSettings(steps: steps, guidanceScale: guidanceScale, negativePrompt: negativePrompt))
    }
}

extension PictureSampling {
    /// The settings by name, as the files of pictures record them; the sampler among them if it is set.
    public var record: [String: String] {
        switch self {
        case .oneStep: ["steps": "1"]
        case .steps(let settings): settings.record
        }
    }
}

/// How a multi-step model is sampled.
public struct SamplingSettings: Sendable {
    /// How many steps, at least 1.
    public var steps: Int
    /// Of classifier-free guidance away from ``negativePrompt``. As in diffusers, 1 and below is none: the prompt alone.
    public var guidanceScale: Double
    /// Which share of the guided prediction is brought back to the unguided one's standard deviation, 0 to 1: see ``Guidance/rescale``.
    public var guidanceRescale = 0.0
    /// What the pictures are guided away from.
    public var negativePrompt: String
    /// The sampler; nil for the one that the model's files name, see ``TextToImageModel/sampler(named:timestepSpacing:eta:steps:)``.
    public var sampler: (any Sampler)?

    /// Settings.
    public init(
        steps: Int, guidanceScale: Double, guidanceRescale: Double = 0, negativePrompt: String = "",
        sampler: (any Sampler)? = nil
    ) {
        (self.steps, self.guidanceScale, self.guidanceRescale) = (steps, guidanceScale, guidanceRescale)
        (self.negativePrompt, self.sampler) = (negativePrompt, sampler)
    }

    /// Whether the network is guided at all.
    public var isGuided: Bool { guidanceScale > 1 }

    /// Throws ``ModelError`` for a guidance scale or a share out of range.
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

    /// The guidance scales that make sense: beyond, Float32 overflows or pictures are noise.
    public static let guidanceScales: ClosedRange<Double> = -1000...1000

    /// The settings by name, as the files of pictures record them; the sampler among them if it is set.
    var record: [String: String] {
        var record = ["steps": "\(steps)", "guidance scale": "\(guidanceScale)"]
        record["negative prompt"] = negativePrompt.isEmpty ? nil : negativePrompt
        record["guidance rescale"] = guidanceRescale == 0 ? nil : "\(guidanceRescale)"
        return record.merging(sampler?.record ?? [:]) { $1 }
    }
}
