/// A sampler that one of diffusers' scheduler classes describes: it reads that class's settings and agrees with it step by step.
public protocol SchedulerSampler: Sampler {
    /// What the command line calls it.
    static var name: String { get }
    /// diffusers' class.
    static var className: String { get }
    /// The class's parameters with their defaults, without those that all classes share.
    static var parameters: SchedulerParameters { get }
    /// What it was made from.
    var settings: SchedulerSettings { get }

    /// A sampler of these settings. Throws ``ModelError`` for settings that it cannot follow.
    init(_ settings: SchedulerSettings) throws
}

extension SchedulerSampler {
    /// What the command line calls it.
    public var name: String { Self.name }
    /// The name, and the settings that differ from the class's defaults.
    public var record: [String: String] { settings.record.merging(["method": name]) { $1 } }
    /// The settings that are not followed or were changed.
    public var warnings: [String] { settings.warnings }

    /// A sampler on a model's noise schedule, as `from_config` makes it in diffusers, with the class's own defaults for what the schedule's
    /// configuration does not state.
    ///
    /// Unlike there, x₀ is clipped only where the configuration says so itself: x₀ of latents does not lie between −1 and 1.
    ///
    /// - Parameters:
    ///   - schedule: the network's.
    ///   - eta: how much noise each step adds anew, 0 to 1, of samplers that have such a share: DDIM and TCD.
    ///
    /// Throws ``ModelError`` for settings that it cannot follow.
    public init(_ schedule: NoiseSchedule, eta: Double? = nil) throws {
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
        TCDSampler.self,
    ]

    /// The names by which samplers are chosen.
    public static var names: [String] { types.map { $0.name } }

    static func type(named name: String) -> (any SchedulerSampler.Type)? { types.first { $0.name == name } }

    static func type(ofClass className: String) -> (any SchedulerSampler.Type)? {
        types.first { $0.className == className }
    }

    /// The parameters of a class with their defaults; of a class that is not shipped, those of most.
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
