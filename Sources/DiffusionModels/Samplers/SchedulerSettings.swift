import Foundation

/// The parameters of a scheduler class with their defaults.
public struct SchedulerParameters: Sendable {
    let defaults: [String: JSONValue]

    init(_ defaults: [String: JSONValue]) { self.defaults = defaults }

    /// The parameters of samplers that space noise-to-signal ratios.
    static let ratioSpacing: [String: JSONValue] = [
        "use_karras_sigmas": false, "use_exponential_sigmas": false, "use_beta_sigmas": false,
    ]

    /// The parameters of dynamic thresholding.
    static let thresholding: [String: JSONValue] = [
        "thresholding": false, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0,
    ]
}

/// What a sampler is made from: a configuration, with one class's defaults for what it does not state.
public struct SchedulerSettings: Sendable {
    /// The settings, with errors that name them.
    let fields: ConfigurationFields
    /// The configuration, without the settings that the class does not have.
    let configuration: NoiseSchedule.Configuration
    /// The share of new noise, nil for the sampler's own.
    let eta: Double?
    /// What a user should know of the settings.
    var warnings: [String]

    /// What is stated and changes pictures in the classes that have it.
    private static let telling: Set<String> = [
        "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "rescale_betas_zero_snr",
        "thresholding", "timestep_spacing", "final_sigmas_type", "interpolation_type", "timestep_type",
    ]

    /// The settings of a class.
    ///
    /// - Parameters:
    ///   - stated: the configuration, of this class or of another.
    ///   - type: the sampler.
    ///   - eta: the share of new noise, nil for the sampler's own.
    ///   - warnings: what is known of the configuration already.
    ///
    /// Throws ``ModelError`` for settings that no shipped sampler follows.
    init(
        _ stated: NoiseSchedule.Configuration, for type: any SchedulerSampler.Type, eta: Double? = nil,
        warnings: [String] = []
    ) throws {
        let defaults = ShippedSamplers.defaults(ofClass: type.className)
        var configuration = stated.converted(to: type.className)
        configuration.stated = stated.stated.filter { defaults[$0.key] != nil }
        // diffusers' spacings of ratios read these two in every class.
        for name in ["sigma_min", "sigma_max"] { configuration.stated[name] = stated.stated[name] }
        self.configuration = configuration
        fields = try ConfigurationFields(
            .object(defaults.merging(configuration.stated) { $1 }), file: "scheduler_config.json")
        self.eta = eta
        self.warnings = warnings
        if let eta {
            guard type.parameters.defaults["eta"] != nil else {
                throw ModelError.invalidArgument(
                    operation: "sampler \(type.name)", argument: "eta",
                    expected: "none: only ddim and tcd add a share of noise", found: "\(eta)")
            }
            guard (0...1).contains(eta) else {
                throw ModelError.invalidArgument(
                    operation: "sampler \(type.name)", argument: "eta", expected: "0 to 1", found: "\(eta)")
            }
        }
        for name in ["use_flow_sigmas", "use_dynamic_shifting"] { try fields.require(name, toBe: .boolean(false)) }
        let off: [JSONValue] = [false, .null, "zero", "linear", "discrete"]
        for (name, value) in stated.stated.sorted(by: { $0.key < $1.key })
        where Self.telling.contains(name) && defaults[name] == nil && !off.contains(value) {
            self.warnings.append("\(name) = \(value) is not followed: \(type.className) has no such setting")
        }
    }

    /// The settings that are stated and differ from the class's defaults.
    var record: [String: String] {
        let defaults = ShippedSamplers.defaults(ofClass: configuration.className)
        let hidden = ["trained_betas", "timestep_spacing", "num_train_timesteps"]
        let other = configuration.stated.filter { $0.value != defaults[$0.key] && !hidden.contains($0.key) }
        var record: [String: String] = [:]
        if defaults["timestep_spacing"] != nil {
            record["timestep spacing"] = configuration.timestepSpacing.rawValue
        }
        record["eta"] = eta.map { "\($0)" }
        if !other.isEmpty { record["scheduler"] = "\(JSONValue.object(other).fullText)" }
        return record
    }

    /// The timesteps of training.
    var timestepCount: Int { configuration.timestepCount }

    /// Throws ``ModelError`` unless a sampling may have so many steps.
    func check(steps: Int, in range: ClosedRange<Int>? = nil) throws {
        let range = range ?? 1...timestepCount
        guard range.contains(steps) else {
            throw ModelError.invalidArgument(
                operation: "sampler \(configuration.className)", argument: "steps",
                expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(steps)")
        }
    }

    /// The level of x₀'s limits.
    func originalLimit(thresholds: Bool, clips: Bool) throws -> OriginalLimit? {
        if thresholds, try fields.boolean("thresholding", default: false) {
            return .dynamic(
                quantile: try fields.number("dynamic_thresholding_ratio", default: 0.995, in: 0...1),
                maximum: try fields.number("sample_max_value", default: 1, in: 1e-6...1e9))
        }
        return clips && configuration.clipsSample ? .range(configuration.clippingRange) : nil
    }

    /// Warns of what is stated and has no effect.
    mutating func ignore(_ name: String, unless value: JSONValue, because reason: String) {
        guard let stated = configuration.stated[name], stated != value else { return }
        warnings.append("\(name) = \(stated) is not followed: \(reason)")
    }

    /// A string setting that must be one of these; `others` stand for the first, as diffusers has it for the names of other classes.
    func name(_ field: String, of names: [String], others: [String] = []) throws -> String {
        let found = try fields.string(field, default: names[0])
        if names.contains(found) { return found }
        if others.contains(found) { return names[0] }
        throw fields.unsupported(field, expected: "one of \(names.joined(separator: ", "))")
    }
}

extension JSONValue {
    /// The value as JSON on one line.
    fileprivate var fullText: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
