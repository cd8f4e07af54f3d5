import Autograd
import Distillation
import Foundation

/// One check of a loss: a measured value and the range that is allowed for it.
public struct ContractCheck: Sendable {
    /// The name of the check.
    public let name: String
    /// The measured value.
    public let measured: Double
    /// The allowed range of the measured value.
    public let allowed: ClosedRange<Double>
    /// The reason for the allowed range.
    public let reason: String

    /// Whether the measured value is in the allowed range; NaN is not.
    public var passed: Bool { allowed.contains(measured) }

    /// A check that allows −`allowed` … `allowed`.
    init(_ name: String, _ measured: Double, within allowed: Double, _ reason: String) {
        self.init(name, measured, -allowed...allowed, reason)
    }

    init(_ name: String, _ measured: Double, _ allowed: ClosedRange<Double>, _ reason: String) {
        (self.name, self.measured, self.allowed, self.reason) = (name, measured, allowed, reason)
    }

    /// The failed check of a loss that throws, or whose gradient has another shape than x̂₀ or is not finite: for the first gradient, or in other checks.
    init(_ error: any Error, in group: String? = nil) {
        let prefix = group.map { "\($0): " } ?? ""
        let rest = "the other checks \(group == nil ? "" : "of this kind ")were not run"
        if let error = error as? LossGradientError {
            self.init(
                prefix + "shape", 1, within: 0,
                "expected \(error.expected), the shape of x0, found \(error.found); \(rest)")
        } else if let error = error as? NonFiniteGradients {
            self.init(
                prefix + "finite", Double(error.count), within: 0,
                "expected finite numbers, found \(error.count) in g that are not; \(rest)")
        } else {
            self.init(prefix + "no error", 1, within: 0, "the loss threw: \(error); \(rest)")
        }
    }
}

/// The result of a ``LossContract``, as a table: name, measured value, allowed range, reason.
public struct ContractReport: Sendable, CustomStringConvertible {
    /// The title of the contract, by default the name of the loss.
    public let title: String
    /// All checks, in order.
    public let checks: [ContractCheck]
    /// The duration of all checks, in seconds.
    public let seconds: Double
    /// The time for one gradient of 1,024 samples of 24 elements, in milliseconds. It depends on the machine and is not a check.
    public let millisecondsPerStep: Double

    /// Whether every check passed.
    public var passed: Bool { checks.allSatisfy(\.passed) }
    /// The checks that failed.
    public var failures: [ContractCheck] { checks.filter { !$0.passed } }

    /// The table as text.
    public var description: String {
        let width = checks.map(\.name.count).max() ?? 0
        let lines = checks.map { check in
            let name = check.name + String(repeating: " ", count: width - check.name.count)
            let (low, high) = (Self.number(check.allowed.lowerBound), Self.number(check.allowed.upperBound))
            let bounds = check.allowed.lowerBound == -check.allowed.upperBound ? "± \(high)" : "\(low) … \(high)"
            return "\(check.passed ? "✓" : "✗") \(name)  \(Self.padded(Self.number(check.measured), 10))  "
                + "\(Self.padded(bounds, 19))  \(check.reason)"
        }
        let cost = String(format: "%.2f s, %.2f ms per step of 1024 samples", seconds, millisecondsPerStep)
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
