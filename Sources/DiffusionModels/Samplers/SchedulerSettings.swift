import Foundation

/// The parameters of a scheduler class with their defaults.
package struct SchedulerParameters: Sendable {
    let defaults: [String: JSONValue]

    init(_ defaults: [String: JSONValue]) { self.defaults = defaults }

    /// The parameters of samplers that support explicit spacings of noise-to-signal ratios.
    static let ratioSpacing: [String: JSONValue] = [
        "use_karras_sigmas": false, "use_exponential_sigmas": false, "use_beta_sigmas": false,
    ]

    /// The parameters of dynamic thresholding.
    static let thresholding: [String: JSONValue] = [
        "thresholding": false, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0,
    ]
}

/// The settings of a sampler: a configuration, with one class's defaults for fields that it does not set.
package struct SchedulerSettings: Sendable {
    /// The fields, whose errors name them.
    let fields: ConfigurationFields
    /// The configuration, without the settings that the class does not have.
    let configuration: NoiseSchedule.Configuration
    /// The amount of noise that each step adds; nil for the sampler's default.
    let eta: Double?
    /// Warnings about the settings.
    var warnings: [String]

    /// Fields that change the result in the classes that have them, so that ignoring them warrants a warning.
    private static let significantFields: Set<String> = [
        "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "rescale_betas_zero_snr",
        "thresholding", "timestep_spacing", "final_sigmas_type", "interpolation_type", "timestep_type",
    ]

    /// The settings of a sampler's class.
    ///
    /// - Parameters:
    ///   - stated: the configuration, of this class or of another.
    ///   - type: the sampler.
    ///   - eta: the amount of noise that each step adds; nil for the sampler's default.
    ///   - warnings: existing warnings about the configuration.
    ///
    /// Throws ``ModelError`` for settings that no shipped sampler supports.
    init(
        _ stated: NoiseSchedule.Configuration, for type: any SchedulerSampler.Type, eta: Double? = nil,
        warnings: [String] = []
    ) throws {
        guard stated.isFlowMatching == (type.className == FlowMatchEulerSampler.className) else {
            let (flow, beta) = ("flow matching", "noise levels β")
            throw ModelError.invalidArgument(
                operation: "sampler \(type.name)", argument: "schedule",
                expected: stated.isFlowMatching ? "\(beta) (\(FlowMatchEulerSampler.name) samples \(flow))" : flow,
                found: stated.isFlowMatching ? flow : beta)
        }
        let defaults = ShippedSamplers.defaults(ofClass: type.className)
        var configuration = stated.converted(to: type.className)
        configuration.stated = stated.stated.filter { defaults[$0.key] != nil }
        // diffusers reads these two in every class that spaces ratios.
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
                    expected: "none, because only ddim and tcd use it", found: "\(eta)")
            }
            guard (0...1).contains(eta) else {
                throw ModelError.invalidArgument(
                    operation: "sampler \(type.name)", argument: "eta", expected: "0 to 1", found: "\(eta)")
            }
        }
        for name in ["use_flow_sigmas", "use_dynamic_shifting"] { try fields.require(name, toBe: .boolean(false)) }
        let off: [JSONValue] = [false, .null, "zero", "linear", "discrete"]
        for (name, value) in stated.stated.sorted(by: { $0.key < $1.key })
        where Self.significantFields.contains(name) && defaults[name] == nil && !off.contains(value) {
            self.warnings.append("\(name) = \(value) is ignored: \(type.className) has no such setting")
        }
    }

    /// The settings that were set and differ from the class's defaults.
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

    /// The number of training timesteps.
    var timestepCount: Int { configuration.timestepCount }

    /// Throws ``ModelError`` unless the number of steps is in the range, by default 1 to the number of training timesteps.
    func check(steps: Int, in range: ClosedRange<Int>? = nil) throws {
        let range = range ?? 1...timestepCount
        guard range.contains(steps) else {
            throw ModelError.invalidArgument(
                operation: "sampler \(configuration.className)", argument: "steps",
                expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(steps)")
        }
    }

    /// The limit that is applied to x₀; nil for none.
    func originalLimit(thresholds: Bool, clips: Bool) throws -> OriginalLimit? {
        if thresholds, try fields.boolean("thresholding", default: false) {
            return .dynamic(
                quantile: try fields.number("dynamic_thresholding_ratio", default: 0.995, in: 0...1),
                maximum: try fields.number("sample_max_value", default: 1, in: 1e-6...1e9))
        }
        return clips && configuration.clipsSample ? .range(configuration.clippingRange) : nil
    }

    /// Adds a warning if a field was set to another value than `value`, because it has no effect.
    mutating func ignore(_ name: String, unless value: JSONValue, because reason: String) {
        guard let stated = configuration.stated[name], stated != value else { return }
        warnings.append("\(name) = \(stated) is ignored: \(reason)")
    }

    /// A string setting that must be one of `names`. Values in `others`, which belong to other classes, mean the first name, as in
    /// diffusers.
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
