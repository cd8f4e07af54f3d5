import Autograd
import Tensor

/// A distillation that cannot start, or whose components do not fit together. What else ends one that has started is a `RunError`.
public enum DistillationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A setting is out of range or contradicts another.
    case invalidSetting(name: String, expected: String, found: String)
    /// A tensor that is passed in, or that a loss, a network or another component of one's own returns, has another shape than needed.
    case unsuitableShape(of: String, expected: String, found: String)

    /// One sentence with what was expected and what was found.
    public var description: String {
        switch self {
        case .invalidSetting(let name, let expected, let found):
            "setting \(name): expected \(expected), found \(found)"
        case .unsuitableShape(let name, let expected, let found): "\(name): expected \(expected), found \(found)"
        }
    }

    /// Throws ``unsuitableShape(of:expected:found:)`` unless a component's output has this shape.
    static func check(_ output: Variable, shape: [Int], of name: String) throws {
        guard output.shape == shape else {
            throw DistillationError.unsuitableShape(of: name, expected: "\(shape)", found: "\(output.shape)")
        }
    }

    /// Throws unless samples are finite and there are `count` of them, at least one: `[count, height, width, channels]`.
    static func check(samples: Tensor, count: Int, _ name: String) throws {
        guard samples.rank == 4, samples.shape[0] == count, samples.count > 0 else {
            throw DistillationError.unsuitableShape(
                of: name, expected: "[\(max(count, 1)), height, width, channels], one per prompt",
                found: "\(samples.shape)")
        }
        let broken = samples.nonFiniteCount()
        guard broken == 0 else {
            throw DistillationError.invalidSetting(
                name: name, expected: "finite numbers", found: "\(broken) that are infinite or not a number")
        }
    }
}

extension DistillationError: SettingError {
    package var setting: (name: String, expected: String, found: String)? {
        switch self {
        case .invalidSetting(let name, let expected, let found): (name, expected, found)
        case .unsuitableShape: nil
        }
    }
}
