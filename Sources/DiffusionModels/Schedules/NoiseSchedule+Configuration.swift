import Foundation

extension NoiseSchedule {
    /// The fields of diffusers' `scheduler/scheduler_config.json`.
    ///
    /// Fields that were not set have the defaults of the class. A sampler of another class takes the fields that were set and its own
    /// defaults for the others, like `from_config` in diffusers.
    public struct Configuration: Sendable, Equatable {
        /// `_class_name`: the scheduler class that the model's author chose.
        public var className = "DDIMScheduler"
        /// The fields that the file or the caller set, without those that begin with an underscore.
        var stated: [String: JSONValue] = [:]
        /// Whether the settings are those of the model's family, because its file has none.
        var isAssumed = false

        /// A `DDIMScheduler` with diffusers' defaults.
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

        /// The value of a field: as it was set, or the class's default.
        func value(_ name: String) -> JSONValue {
            stated[name] ?? ShippedSamplers.defaults(ofClass: className)[name, default: .null]
        }

        /// The same fields for a sampler of another class.
        func converted(to className: String) -> Configuration {
            var converted = self
            converted.className = className
            return converted
        }
    }
}

extension NoiseSchedule.Configuration {
    /// `num_train_timesteps`.
    public var timestepCount: Int {
        get { value("num_train_timesteps").asInteger ?? 1000 }
        set { stated["num_train_timesteps"] = .integer(newValue) }
    }

    /// `beta_start`.
    public var firstBeta: Double {
        get { number("beta_start") }
        set { stated["beta_start"] = .number(newValue) }
    }

    /// `beta_end`.
    public var lastBeta: Double {
        get { number("beta_end") }
        set { stated["beta_end"] = .number(newValue) }
    }

    /// `beta_schedule`.
    public var betaSchedule: BetaSchedule {
        get { choice("beta_schedule") ?? .linear }
        set { stated["beta_schedule"] = .string(newValue.rawValue) }
    }

    /// `trained_betas`: an explicit list of all β, instead of ``betaSchedule``.
    public var trainedBetas: [Double]? {
        get {
            guard case .array(let elements) = value("trained_betas") else { return nil }
            return elements.compactMap(\.asNumber)
        }
        set { stated["trained_betas"] = newValue.map { .array($0.map { .number($0) }) } ?? .null }
    }

    /// `rescale_betas_zero_snr`: whether ᾱ is rescaled to be zero at the last timestep (arXiv 2305.08891).
    public var rescalesToZeroSignal: Bool {
        get { value("rescale_betas_zero_snr") == true }
        set { stated["rescale_betas_zero_snr"] = .boolean(newValue) }
    }

    /// `prediction_type`; in flow matching, whose diffusers class has no such field, u by default.
    public var predictionType: PredictionType {
        get { choice("prediction_type") ?? .epsilon }
        set { stated["prediction_type"] = .string(newValue.rawValue) }
    }

    /// `clip_sample`: whether samplers that have this setting clamp the predicted x₀.
    public var clipsSample: Bool {
        get { value("clip_sample") == true }
        set { stated["clip_sample"] = .boolean(newValue) }
    }

    /// `clip_sample_range`.
    public var clippingRange: Double {
        get { value("clip_sample_range").asNumber ?? 1 }
        set { stated["clip_sample_range"] = .number(newValue) }
    }

    /// `set_alpha_to_one`: whether the last step ends at ᾱ = 1 instead of ᾱ of timestep 0.
    public var endsAtOne: Bool {
        get { value("set_alpha_to_one") == true }
        set { stated["set_alpha_to_one"] = .boolean(newValue) }
    }

    /// `steps_offset`: an offset that is added to the timesteps of leading spacing.
    public var stepsOffset: Int {
        get { value("steps_offset").asInteger ?? 0 }
        set { stated["steps_offset"] = .integer(newValue) }
    }

    /// `timestep_spacing`.
    public var timestepSpacing: TimestepSpacing {
        get { choice("timestep_spacing") ?? .leading }
        set { stated["timestep_spacing"] = .string(newValue.rawValue) }
    }

    /// Whether the class is that of flow matching.
    var isFlowMatching: Bool { className == FlowMatchEulerSampler.className }

    /// The time of a timestep in flow matching: its share of all timesteps. The last time, 1, is that of pure noise, and of no timestep.
    func flowTime(_ timestep: Int) -> Double { Double(timestep) / Double(timestepCount) }

    private func number(_ name: String) -> Double { value(name).asNumber ?? 0 }

    private func choice<Choice: RawRepresentable>(_ name: String) -> Choice? where Choice.RawValue == String {
        guard case .string(let name) = value(name) else { return nil }
        return Choice(rawValue: name)
    }
}

extension NoiseSchedule.Configuration: Codable {
    /// Reads diffusers' fields. Throws ``ModelError`` for a field that is malformed or not supported.
    public init(from decoder: any Decoder) throws {
        try self.init(ConfigurationFields(from: decoder))
    }

    init(_ fields: ConfigurationFields) throws {
        try fields.require("use_flow_sigmas", toBe: .boolean(false))
        className = try fields.string("_class_name", default: "DDIMScheduler")
        if className.hasPrefix("FlowMatch") && !isFlowMatching || className.hasPrefix("EDM") {
            throw fields.unsupported(
                "_class_name", expected: "a scheduler of noise levels β, or \(FlowMatchEulerSampler.className)")
        }
        try Self.check(fields)
        stated = fields.values.filter { name, value in
            // diffusers writes its default of "lambda_min_clipped", −∞, which is not valid JSON.
            !name.hasPrefix("_") && value.asNumber?.isFinite != false
        }
    }

    /// Throws ``ModelError`` for a field that was set to a value out of range.
    func check() throws {
        try Self.check(ConfigurationFields(json, file: "NoiseSchedule.Configuration"))
    }

    /// Throws ``ModelError`` unless all fields that have a property here are valid.
    private static func check(_ fields: ConfigurationFields) throws {
        let count = try fields.integer("num_train_timesteps", default: 1000, in: 1...1_000_000)
        let rates = 1e-12...0.999_999
        for name in ["beta_start", "beta_end"] { _ = try fields.number(name, default: 0.01, in: rates) }
        _ = try fields.choice("beta_schedule", default: BetaSchedule.linear)
        let type = try fields.choice("prediction_type", default: PredictionType.epsilon)
        if type == .flow, try fields.string("_class_name", default: "") != FlowMatchEulerSampler.className {
            throw fields.unsupported(
                "prediction_type", expected: "epsilon, sample or v_prediction in a schedule of noise levels β")
        }
        if try fields.string("_class_name", default: "") == FlowMatchEulerSampler.className {
            try FlowMatchEulerSampler.check(fields)
        }
        _ = try fields.choice("timestep_spacing", default: TimestepSpacing.leading)
        for name in ["rescale_betas_zero_snr", "clip_sample", "set_alpha_to_one"] {
            _ = try fields.boolean(name, default: false)
        }
        _ = try fields.number("clip_sample_range", default: 1, in: 1e-6...1e6)
        _ = try fields.integer("steps_offset", default: 0, in: 0...count)
        if fields.isNull("trained_betas") { return }
        let expected = "a list of \(count) numbers between 0 and 1, or null"
        guard case .array(let elements)? = fields.values["trained_betas"], elements.count == count,
            elements.allSatisfy({ $0.asNumber.map { $0 > 0 && $0 < 1 } ?? false })
        else { throw fields.invalid("trained_betas", expected: expected) }
    }

    /// Writes diffusers' fields.
    public func encode(to encoder: any Encoder) throws {
        try json.encode(to: encoder)
    }

    /// The class and the fields that were set, in diffusers' form.
    var json: JSONValue { .object(stated.merging(["_class_name": .string(className)]) { $1 }) }
}
