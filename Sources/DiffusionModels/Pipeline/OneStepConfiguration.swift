import Foundation

/// The file `one_step.json`, which marks a folder as a one-step student and contains the student's timestep.
public struct OneStepConfiguration: Sendable, Equatable {
    /// `timestep`: the timestep passed to the network.
    public let timestep: Int
    /// `cumulative_alpha`: ᾱ of that timestep in the schedule that the student was trained with, above 0 and at most 1.
    public let cumulativeAlpha: Double

    /// The valid values of ``cumulativeAlpha``.
    package static let cumulativeAlphas = 1e-12...1.0
    private static let timesteps = 0...1_000_000

    /// A configuration with a timestep and its ᾱ. Throws ``ModelError`` for either out of range.
    public init(timestep: Int, cumulativeAlpha: Double) throws {
        func check(_ isValid: Bool, _ argument: String, _ expected: String, _ found: Any) throws {
            guard isValid else {
                throw ModelError.invalidArgument(
                    operation: "OneStepConfiguration", argument: argument, expected: expected, found: "\(found)")
            }
        }
        try check(Self.timesteps.contains(timestep), "timestep", "0 to \(Self.timesteps.upperBound)", timestep)
        try check(
            Self.cumulativeAlphas.contains(cumulativeAlpha), "cumulativeAlpha",
            "a number from \(Self.cumulativeAlphas.lowerBound) to 1", cumulativeAlpha)
        self.init(checked: timestep, cumulativeAlpha)
    }

    private init(checked timestep: Int, _ cumulativeAlpha: Double) {
        (self.timestep, self.cumulativeAlpha) = (timestep, cumulativeAlpha)
    }

    /// A configuration with a timestep and its ᾱ in `schedule`. Throws ``ModelError`` for a timestep outside the schedule, and for one
    /// without signal.
    public init(timestep: Int, of schedule: NoiseSchedule) throws {
        guard schedule.cumulativeAlphas.indices.contains(timestep) else {
            throw ModelError.invalidArgument(
                operation: "OneStepConfiguration", argument: "timestep", expected: "0 to \(schedule.timestepCount - 1)",
                found: "\(timestep)")
        }
        try self.init(timestep: timestep, cumulativeAlpha: schedule.cumulativeAlphas[timestep])
    }

    /// The configuration of SwiftBrush's students: Stable Diffusion's last timestep, with ᾱ rounded as in the official code.
    public static let swiftBrush = OneStepConfiguration(checked: 999, 0.0047)

    static let fileName = "one_step.json"
}

extension OneStepConfiguration: Codable {
    /// Reads the two fields. Throws ``ModelError`` for a field that is missing or out of range.
    public init(from decoder: any Decoder) throws {
        try self.init(ConfigurationFields(from: decoder))
    }

    init(_ fields: ConfigurationFields) throws {
        timestep = try fields.integer("timestep", default: nil, in: Self.timesteps)
        cumulativeAlpha = try fields.number("cumulative_alpha", default: nil, in: Self.cumulativeAlphas)
    }

    /// Writes the two fields.
    public func encode(to encoder: any Encoder) throws {
        try json.encode(to: encoder)
    }

    var json: JSONValue {
        .object(["timestep": .integer(timestep), "cumulative_alpha": .number(cumulativeAlpha)])
    }
}
