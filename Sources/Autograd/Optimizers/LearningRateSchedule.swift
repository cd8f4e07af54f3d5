import Foundation

/// A learning-rate schedule: the factor on the base learning rate at each step of a run.
public enum LearningRateSchedule: Sendable, Hashable, Codable {
    /// Constant 1 after `warmUp` steps of linear warm-up from 0.
    case constant(warmUp: Int = 0)
    /// Half a cosine from 1 to 0 at step `total`, after `warmUp` steps of linear warm-up from 0.
    case cosine(warmUp: Int = 0, total: Int)

    /// The number of warm-up steps.
    package var warmUpSteps: Int {
        switch self {
        case .constant(let warmUp), .cosine(let warmUp, _): warmUp
        }
    }

    /// The step at which the factor is 0; nil for a schedule without an end.
    package var totalSteps: Int? {
        switch self {
        case .constant: nil
        case .cosine(_, let total): total
        }
    }

    /// The factor at a step, counted from 0, as computed by diffusers' schedulers of the same names.
    public func factor(at step: Int) -> Double {
        switch self {
        case .constant(let warmUp):
            return step < warmUp ? Double(step) / Double(warmUp) : 1
        case .cosine(let warmUp, let total):
            if step < warmUp { return Double(step) / Double(warmUp) }
            let progress = (Double(step) - Double(warmUp)) / max(1, Double(total) - Double(warmUp))
            return progress >= 1 ? 0 : 0.5 * (1 + cos(.pi * progress))
        }
    }
}
