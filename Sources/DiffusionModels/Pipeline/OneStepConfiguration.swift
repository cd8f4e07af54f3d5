import Foundation

/// The file `one_step.json`, which marks a folder as a one-step student and contains the student's timestep.
public struct OneStepConfiguration: Sendable, Equatable {
    /// `timestep`: the timestep passed to the network.
    public let timestep: Int
    /// `cumulative_alpha`: ᾱ of that timestep in the schedule that the student was trained with, above 0 and at most 1.
    public let cumulativeAlpha: Double

    /// A configuration with a timestep and its ᾱ.
    public init(timestep: Int, cumulativeAlpha: Double) {
        (self.timestep, self.cumulativeAlpha) = (timestep, cumulativeAlpha)
    }

    /// A configuration with a timestep and its ᾱ in `schedule`.
    public init(timestep: Int, of schedule: NoiseSchedule) {
        self.init(timestep: timestep, cumulativeAlpha: schedule.cumulativeAlphas[timestep])
    }

    /// The configuration of SwiftBrush's students: Stable Diffusion's last timestep, with ᾱ rounded as in the official code.
    public static let swiftBrush = OneStepConfiguration(timestep: 999, cumulativeAlpha: 0.0047)

    static let fileName = "one_step.json"
}

extension OneStepConfiguration: Codable {
    /// Reads the two fields. Throws ``ModelError`` for a field that is missing or out of range.
    public init(from decoder: any Decoder) throws {
        try self.init(ConfigurationFields(from: decoder))
    }

    init(_ fields: ConfigurationFields) throws {
        timestep = try fields.integer("timestep", default: nil, in: 0...1_000_000)
        cumulativeAlpha = try fields.number("cumulative_alpha", default: nil, in: 1e-12...1)
    }

    /// Writes the two fields.
    public func encode(to encoder: any Encoder) throws {
        try json.encode(to: encoder)
    }

    var json: JSONValue {
        .object(["timestep": .integer(timestep), "cumulative_alpha": .number(cumulativeAlpha)])
    }
}
