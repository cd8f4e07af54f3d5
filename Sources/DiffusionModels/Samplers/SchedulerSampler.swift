/// A sampler that implements one of diffusers' scheduler classes: it reads that class's settings and agrees with it step by step.
package protocol SchedulerSampler: Sampler {
    /// The sampler's name on the command line.
    static var name: String { get }
    /// The name of diffusers' scheduler class.
    static var className: String { get }
    /// The class's parameters with their defaults, excluding those that all classes share.
    static var parameters: SchedulerParameters { get }
    /// The settings that the sampler was created with.
    var settings: SchedulerSettings { get }

    /// Creates a sampler with these settings. Throws ``ModelError`` for unsupported settings.
    init(_ settings: SchedulerSettings) throws
}

extension SchedulerSampler {
    /// The sampler's name on the command line.
    package var name: String { Self.name }
    /// The name, and the settings that differ from the class's defaults.
    package var record: [String: String] { settings.record.merging(["method": name]) { $1 } }
    /// Warnings about settings that are ignored or were changed.
    package var warnings: [String] { settings.warnings }

    /// Creates a sampler for a model's noise schedule, like `from_config` in diffusers: fields that the schedule's configuration does not
    /// set have the class's defaults.
    ///
    /// Unlike in diffusers, x₀ is clipped only if the configuration sets it explicitly, because x₀ of latents is not bounded by −1…1.
    ///
    /// - Parameters:
    ///   - schedule: the network's noise schedule.
    ///   - eta: the amount of noise that each step adds, 0 to 1, for samplers with this parameter: DDIM and TCD.
    ///
    /// Throws ``ModelError`` for unsupported settings.
    package init(_ schedule: NoiseSchedule, eta: Double? = nil) throws {
        var configuration = schedule.configuration
        if configuration.stated["clip_sample"] == nil, configuration.className != Self.className {
            configuration.clipsSample = false
        }
        try self.init(SchedulerSettings(configuration, for: Self.self, eta: eta))
    }
}

/// The samplers that this library ships, by name and by diffusers' class.
public enum ShippedSamplers {
    static let types: [any SchedulerSampler.Type] = [
        DDIMSampler.self, DDPMSampler.self, EulerSampler.self, EulerAncestralSampler.self, HeunSampler.self,
        LMSSampler.self, PNDMSampler.self, DPMSolverMultistepSampler.self, DPMSolverSinglestepSampler.self,
        UniPCSampler.self, DEISSampler.self, KDPM2Sampler.self, KDPM2AncestralSampler.self, LCMSampler.self,
        TCDSampler.self, FlowMatchEulerSampler.self,
    ]

    /// The names by which samplers are chosen.
    public static var names: [String] { types.map { $0.name } }

    static func type(named name: String) -> (any SchedulerSampler.Type)? { types.first { $0.name == name } }

    static func type(ofClass className: String) -> (any SchedulerSampler.Type)? {
        types.first { $0.className == className }
    }

    /// The parameters of a class with their defaults; for a class that is not shipped, those of most classes.
    static func defaults(ofClass className: String) -> [String: JSONValue] {
        defaultsByClass[className] ?? otherDefaults
    }

    private static let defaultsByClass = Dictionary(
        uniqueKeysWithValues: types.map { type in
            (type.className, common.merging(type.parameters.defaults) { $1 })
        })

    private static let otherDefaults = common.merging(
        ["timestep_spacing": "leading", "steps_offset": 0, "clip_sample": false, "set_alpha_to_one": false]
    ) { $1 }

    private static let common: [String: JSONValue] = [
        "num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
        "trained_betas": nil, "prediction_type": "epsilon",
    ]
}
