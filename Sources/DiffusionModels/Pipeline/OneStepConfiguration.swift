import Foundation
import Tensor

/// The file `one_step.json`, which marks a folder as a student of one step or a few, and contains its timesteps.
public struct OneStepConfiguration: Sendable, Equatable {
    /// `timestep`: the timestep passed to the network.
    public let timestep: Int
    /// `cumulative_alpha`: ᾱ of that timestep in the schedule that the student was trained with, above 0 and at most 1.
    public let cumulativeAlpha: Double
    /// `sigma`: σ of that timestep, from 0 to 1, for a schedule that does not keep the variance; nil for √(1 − ᾱ).
    public let sigma: Double?
    /// `later_steps`: the steps that may follow, each with less noise than the one before. Empty for a student of one step.
    public private(set) var laterSteps: [OneStepConfiguration] = []

    /// The valid values of ``cumulativeAlpha``.
    package static let cumulativeAlphas = 1e-12...1.0
    private static let timesteps = 0...1_000_000
    package static let sigmas = 0...1.0

    /// A configuration with a timestep, its ᾱ, and its σ unless that is √(1 − ᾱ). Throws ``ModelError`` for a value out of range.
    public init(timestep: Int, cumulativeAlpha: Double, sigma: Double? = nil) throws {
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
        if let sigma { try check(Self.sigmas.contains(sigma), "sigma", "a number from 0 to 1", sigma) }
        self.init(checked: timestep, cumulativeAlpha, sigma)
    }

    private init(checked timestep: Int, _ cumulativeAlpha: Double, _ sigma: Double? = nil) {
        (self.timestep, self.cumulativeAlpha, self.sigma) = (timestep, cumulativeAlpha, sigma)
    }

    /// The signal and noise levels of the timestep.
    public var level: SignalLevel {
        SignalLevel(
            alpha: cumulativeAlpha.squareRoot(), sigma: sigma ?? (1 - cumulativeAlpha).squareRoot())
    }

    /// "timestep 999, alpha-bar 0.0047", and σ if there is one.
    package var levels: String {
        "timestep \(timestep), alpha-bar \(cumulativeAlpha)" + (sigma.map { ", sigma \($0)" } ?? "")
    }

    /// Throws ``ModelError`` for levels of another kind than a schedule's: a σ belongs to flow matching, and has to be there.
    func check(on schedule: NoiseSchedule, _ operation: String) throws {
        for step in steps where schedule.isFlowMatching != (step.sigma != nil) {
            throw ModelError.invalidArgument(
                operation: operation, argument: "sigma",
                expected: schedule.isFlowMatching
                    ? "a number, since the model's schedule is that of flow matching"
                    : "none, since the model's schedule is not that of flow matching",
                found: step.sigma.map { "\($0)" } ?? "none")
        }
    }

    /// A configuration with a timestep and its ᾱ and σ in `schedule`. Throws ``ModelError`` for a timestep outside the schedule, and for one
    /// without signal.
    public init(timestep: Int, of schedule: NoiseSchedule) throws {
        guard schedule.cumulativeAlphas.indices.contains(timestep) else {
            throw ModelError.invalidArgument(
                operation: "OneStepConfiguration", argument: "timestep", expected: "0 to \(schedule.timestepCount - 1)",
                found: "\(timestep)")
        }
        try self.init(
            timestep: timestep, cumulativeAlpha: schedule.cumulativeAlphas[timestep],
            sigma: schedule.isFlowMatching ? schedule.sigma(timestep) : nil)
    }

    /// The configuration of SwiftBrush's students: Stable Diffusion's last timestep, with ᾱ rounded as in the official code.
    public static let swiftBrush = OneStepConfiguration(checked: 999, 0.0047)

    static let fileName = "one_step.json"
    /// The entry of a LoRA file's metadata with the same fields.
    static let metadataKey = "one_step"
}

/// Students of several steps.
extension OneStepConfiguration {
    /// The same first step, followed by others. Throws ``ModelError`` unless each has a smaller timestep and a larger ᾱ than the one before.
    public func followed(by steps: [OneStepConfiguration]) throws -> OneStepConfiguration {
        let all = [first] + steps.map(\.first)
        for (step, next) in zip(all, all.dropFirst()) where !step.precedes(next) {
            throw ModelError.invalidArgument(
                operation: "OneStepConfiguration.followed", argument: "steps",
                expected: "a smaller timestep and a larger alpha-bar than \(step.timestep) and \(step.cumulativeAlpha)",
                found: "\(next.timestep) and \(next.cumulativeAlpha)")
        }
        var result = self
        result.laterSteps = Array(all.dropFirst())
        return result
    }

    /// The same first step, and `count` steps in all at evenly spaced timesteps of `schedule`: 999, 749, 499, 249 for four from 999, as in
    /// DMD2 (arXiv 2405.14867). Throws ``ModelError`` for a count below 1 or above the timesteps, and for a schedule without these timesteps.
    public func dividedEvenly(into count: Int, of schedule: NoiseSchedule) throws -> OneStepConfiguration {
        guard (1...max(1, timestep + 1)).contains(count) else {
            throw ModelError.invalidArgument(
                operation: "OneStepConfiguration.dividedEvenly", argument: "count", expected: "1 to \(timestep + 1)",
                found: "\(count)")
        }
        return try followed(
            by: (1..<count).map { index in
                try OneStepConfiguration(timestep: (timestep + 1) * (count - index) / count - 1, of: schedule)
            })
    }

    /// All steps, without those that follow each.
    public var steps: [OneStepConfiguration] { [first] + laterSteps }

    /// The steps of a sampling in `count` steps: the first, and others evenly spread over the later ones. Throws ``ModelError`` for a count
    /// that is not from 1 to the number of steps.
    public func steps(_ count: Int) throws -> [OneStepConfiguration] {
        let all = steps
        guard (1...all.count).contains(count) else {
            throw ModelError.invalidArgument(
                operation: "OneStepConfiguration.steps", argument: "count", expected: "1 to \(all.count)",
                found: "\(count)")
        }
        return (0..<count).map { all[$0 * all.count / count] }
    }

    private var first: OneStepConfiguration { OneStepConfiguration(checked: timestep, cumulativeAlpha, sigma) }

    private func precedes(_ next: OneStepConfiguration) -> Bool {
        next.timestep < timestep && next.cumulativeAlpha > cumulativeAlpha
    }
}

extension OneStepConfiguration: Codable {
    /// Reads the fields. Throws ``ModelError`` for a field that is missing or out of range.
    public init(from decoder: any Decoder) throws {
        try self.init(ConfigurationFields(from: decoder))
    }

    init(_ fields: ConfigurationFields) throws {
        timestep = try fields.integer("timestep", default: nil, in: Self.timesteps)
        cumulativeAlpha = try fields.number("cumulative_alpha", default: nil, in: Self.cumulativeAlphas)
        sigma = fields.isNull("sigma") ? nil : try fields.number("sigma", default: nil, in: Self.sigmas)
        var last = self
        for step in try fields.objects("later_steps") {
            let next = try OneStepConfiguration(step)
            guard last.precedes(next), next.laterSteps.isEmpty else {
                throw fields.invalid(
                    "later_steps", expected: "steps with smaller timesteps and larger alpha-bars from one to the next")
            }
            laterSteps.append(next)
            last = next
        }
    }

    /// Writes the fields.
    public func encode(to encoder: any Encoder) throws {
        try json.encode(to: encoder)
    }

    /// That of the student that a LoRA file makes; nil for a file without one. Throws ``ModelError`` for a field that is missing or out of
    /// range.
    init?(of file: SafetensorsFile) throws {
        guard let text = file.metadata[Self.metadataKey] else { return nil }
        let name = "\(file.path) (\(Self.metadataKey))"
        guard let json = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) else {
            throw ModelError.unreadableFile(path: name, reason: "it is not valid JSON")
        }
        try self.init(ConfigurationFields(json, file: name))
    }

    var json: JSONValue {
        var fields: [String: JSONValue] = [
            "timestep": .integer(timestep), "cumulative_alpha": .number(cumulativeAlpha),
        ]
        if let sigma { fields["sigma"] = .number(sigma) }
        if !laterSteps.isEmpty { fields["later_steps"] = .array(laterSteps.map(\.json)) }
        return .object(fields)
    }
}
