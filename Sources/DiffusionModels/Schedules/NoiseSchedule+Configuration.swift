import Foundation

/// How β grows with the timestep: `beta_schedule`.
public enum BetaSchedule: String, CaseIterable, Sendable {
    /// β itself grows linearly.
    case linear
    /// √β grows linearly, as in Stable Diffusion.
    case scaledLinear = "scaled_linear"
    /// ᾱ falls as a squared cosine (arXiv 2102.09672).
    case squaredCosine = "squaredcos_cap_v2"
}

/// Which timesteps a sampler of few steps visits: `timestep_spacing` (Table 2 of arXiv 2305.08891).
public enum TimestepSpacing: String, CaseIterable, Sendable {
    /// Multiples of a whole step, from 0.
    case leading
    /// Multiples of a step, back from the last timestep.
    case trailing
    /// Evenly from 0 to the last timestep.
    case linspace
}

/// How much noise a DDPM step adds: `variance_type`.
public enum SamplingVariance: String, CaseIterable, Sendable {
    /// The variance of the posterior.
    case posterior = "fixed_small"
    /// β of the step.
    case beta = "fixed_large"
}

extension NoiseSchedule {
    /// The fields of diffusers' `scheduler/scheduler_config.json`, with diffusers' defaults.
    public struct Configuration: Sendable, Equatable {
        /// `_class_name`: the sampler that the model's author had in mind; kept for saving.
        public var className = "DDIMScheduler"
        /// `num_train_timesteps`.
        public var timestepCount = 1000
        /// `beta_start`.
        public var firstBeta = 0.0001
        /// `beta_end`.
        public var lastBeta = 0.02
        /// `beta_schedule`.
        public var betaSchedule = BetaSchedule.linear
        /// `trained_betas`: every β, instead of a rule.
        public var trainedBetas: [Double]?
        /// `rescale_betas_zero_snr`: whether ᾱ is stretched to reach zero at the last timestep (arXiv 2305.08891).
        public var rescalesToZeroSignal = false
        /// `prediction_type`.
        public var predictionType = PredictionType.epsilon
        /// `clip_sample`: whether samplers clamp the predicted original.
        public var clipsSample = true
        /// `clip_sample_range`.
        public var clippingRange = 1.0
        /// `set_alpha_to_one`: whether DDIM's last step ends at ᾱ = 1, or else at ᾱ of timestep 0.
        public var endsAtOne = true
        /// `steps_offset`: added to the timesteps of leading spacing.
        public var stepsOffset = 0
        /// `timestep_spacing`.
        public var timestepSpacing = TimestepSpacing.leading
        /// `variance_type`, which only DDPM reads.
        public var variance = SamplingVariance.posterior
        /// Fields that only other samplers read; kept for saving.
        var otherFields: [String: JSONValue] = [:]

        /// diffusers' defaults for `DDIMScheduler`.
        public init() {}

        /// The schedule that Stable Diffusion 1 and 2 were trained with.
        public static var stableDiffusion: Configuration {
            var configuration = Configuration()
            (configuration.firstBeta, configuration.lastBeta) = (0.00085, 0.012)
            configuration.betaSchedule = .scaledLinear
            configuration.clipsSample = false
            configuration.endsAtOne = false
            configuration.stepsOffset = 1
            return configuration
        }
    }
}

extension NoiseSchedule.Configuration: Codable {
    /// Reads diffusers' fields. Throws ``ModelError`` for a field that is malformed or not supported.
    public init(from decoder: any Decoder) throws {
        try self.init(ConfigurationFields(from: decoder))
    }

    init(_ fields: ConfigurationFields) throws {
        try fields.require("thresholding", toBe: .boolean(false))
        try fields.require("use_flow_sigmas", toBe: .boolean(false))
        className = try fields.string("_class_name", default: "DDIMScheduler")
        if className.hasPrefix("FlowMatch") || className.hasPrefix("EDM") {
            throw fields.unsupported("_class_name", expected: "a scheduler of noise levels β")
        }
        timestepCount = try fields.integer("num_train_timesteps", default: 1000, in: 1...1_000_000)
        let rates = 1e-12...0.999_999
        firstBeta = try fields.number("beta_start", default: 0.0001, in: rates)
        lastBeta = try fields.number("beta_end", default: 0.02, in: rates)
        betaSchedule = try fields.choice("beta_schedule", default: .linear)
        trainedBetas = try Self.trainedBetas(fields, count: timestepCount)
        rescalesToZeroSignal = try fields.boolean("rescale_betas_zero_snr", default: false)
        predictionType = try fields.choice("prediction_type", default: .epsilon)
        // diffusers' other samplers neither clip nor end at one unless told to.
        let isOfThisFamily = ["DDIMScheduler", "DDPMScheduler"].contains(className)
        clipsSample = try fields.boolean("clip_sample", default: isOfThisFamily)
        clippingRange = try fields.number("clip_sample_range", default: 1, in: 1e-6...1e6)
        endsAtOne = try fields.boolean("set_alpha_to_one", default: isOfThisFamily)
        stepsOffset = try fields.integer("steps_offset", default: 0, in: 0...timestepCount)
        let isEvenlySpaced = ["Euler", "DPMSolver"].contains { className.hasPrefix($0) }
        timestepSpacing = try fields.choice("timestep_spacing", default: isEvenlySpaced ? .linspace : .leading)
        variance = try fields.choice("variance_type", default: .posterior)
        otherFields = fields.values.filter { !$0.key.hasPrefix("_") && ownFields[$0.key] == nil }
    }

    private static func trainedBetas(_ fields: ConfigurationFields, count: Int) throws -> [Double]? {
        if fields.isNull("trained_betas") { return nil }
        let expected = "a list of \(count) numbers between 0 and 1, or null"
        guard case .array(let elements)? = fields.values["trained_betas"], elements.count == count else {
            throw fields.invalid("trained_betas", expected: expected)
        }
        let betas = elements.compactMap { $0.asNumber }.filter { $0 > 0 && $0 < 1 }
        guard betas.count == count else { throw fields.invalid("trained_betas", expected: expected) }
        return betas
    }

    /// Writes diffusers' fields.
    public func encode(to encoder: any Encoder) throws {
        try json.encode(to: encoder)
    }

    /// All fields as diffusers writes them.
    var json: JSONValue { .object(ownFields.merging(otherFields) { own, _ in own }) }

    private var ownFields: [String: JSONValue] {
        var fields = commonFields
        if className == "DDPMScheduler" { fields["variance_type"] = .string(variance.rawValue) }
        return fields
    }

    private var commonFields: [String: JSONValue] {
        [
            "_class_name": .string(className),
            "num_train_timesteps": .integer(timestepCount),
            "beta_start": .number(firstBeta),
            "beta_end": .number(lastBeta),
            "beta_schedule": .string(betaSchedule.rawValue),
            "trained_betas": trainedBetas.map { .array($0.map { .number($0) }) } ?? .null,
            "rescale_betas_zero_snr": .boolean(rescalesToZeroSignal),
            "prediction_type": .string(predictionType.rawValue),
            "clip_sample": .boolean(clipsSample),
            "clip_sample_range": .number(clippingRange),
            "set_alpha_to_one": .boolean(endsAtOne),
            "steps_offset": .integer(stepsOffset),
            "timestep_spacing": .string(timestepSpacing.rawValue),
        ]
    }
}
