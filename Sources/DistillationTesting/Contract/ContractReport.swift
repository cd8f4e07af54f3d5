import Foundation

/// One thing that was measured of a loss, and what it may be.
public struct ContractCheck: Sendable {
    /// What was checked, in two or three words.
    public let name: String
    /// What was found.
    public let measured: Double
    /// What may be found.
    public let allowed: ClosedRange<Double>
    /// Why just that.
    public let reason: String

    /// Whether what was found may be; not a number may not.
    public var passed: Bool { allowed.contains(measured) }

    /// A check that allows up to `allowed` of either sign.
    init(_ name: String, _ measured: Double, within allowed: Double, _ reason: String) {
        self.init(name, measured, -allowed...allowed, reason)
    }

    init(_ name: String, _ measured: Double, _ allowed: ClosedRange<Double>, _ reason: String) {
        (self.name, self.measured, self.allowed, self.reason) = (name, measured, allowed, reason)
    }
}

/// What a ``LossContract`` found, as a table: check, measured, allowed, why.
public struct ContractReport: Sendable, CustomStringConvertible {
    /// The loss's name, or what its author calls this setting of it.
    public let title: String
    /// Everything that was checked, in order.
    public let checks: [ContractCheck]
    /// How long it took.
    public let seconds: Double
    /// How long one gradient of 1,024 one-number samples takes, in milliseconds; of the machine, and so not a check.
    public let millisecondsPerStep: Double

    /// Whether every check passed.
    public var passed: Bool { checks.allSatisfy(\.passed) }
    /// What did not pass.
    public var failures: [ContractCheck] { checks.filter { !$0.passed } }

    /// The table.
    public var description: String {
        let width = checks.map(\.name.count).max() ?? 0
        let lines = checks.map { check in
            let name = check.name + String(repeating: " ", count: width - check.name.count)
            let (low, high) = (Self.number(check.allowed.lowerBound), Self.number(check.allowed.upperBound))
            let bounds = check.allowed.lowerBound == -check.allowed.upperBound ? "± \(high)" : "\(low) … \(high)"
            return "\(check.passed ? "✓" : "✗") \(name)  \(Self.padded(Self.number(check.measured), 10))  "
                + "\(Self.padded(bounds, 19))  \(check.reason)"
        }
        let cost = String(format: "%.2f s, %.2f ms a step of 1024 samples", seconds, millisecondsPerStep)
        let outcome =
            passed ? "all \(checks.count) checks passed" : "\(failures.count) of \(checks.count) checks FAILED"
        return (["\(title): \(outcome) (\(cost))"] + lines).joined(separator: "\n")
    }

    private static func number(_ value: Double) -> String {
        value == 0
            ? "0" : value == value.rounded() && abs(value) < 1000 ? "\(Int(value))" : String(format: "%.3g", value)
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
