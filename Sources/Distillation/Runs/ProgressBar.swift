import DiffusionModels
import Foundation

/// How far a training has come, on standard error: how many steps, the caller's numbers, speed, time left; see `ProgressLine`. It never
/// ends a training: without a reader it is lost.
public struct ProgressBar {
    private let total: Int
    private let first: Int
    private let picturesPerStep: Int
    private let start = ContinuousClock.now
    private let line = ProgressLine()

    /// A bar of steps, of which some were done before.
    ///
    /// - Parameters:
    ///   - total: how many steps in all.
    ///   - done: how many before this start of the run.
    ///   - picturesPerStep: for the speed that is shown.
    public init(total: Int, done: Int, picturesPerStep: Int) {
        (self.total, first, self.picturesPerStep) = (total, done, picturesPerStep)
    }

    /// Shows a step, and after the last one the time that all took and the peak memory.
    public func show(step: Int, peakBytes: Int, _ numbers: String) {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let each = seconds / Double(max(step - first, 1))
        let speed = String(format: "%.1f pictures/s", Double(picturesPerStep) / max(each, 1e-9))
        line.show(Double(step) / Double(max(total, 1)), text(step, numbers, speed, each * Double(total - step)))
        guard step == total else { return }
        line.finish()
        let time = String(format: "%.1f s", seconds)
        StandardError.write(
            line: "\(step - first) steps in \(time), \(speed); peak memory \(peakBytes >> 20) MiB")
    }

    private func text(_ step: Int, _ numbers: String, _ speed: String, _ secondsLeft: Double) -> String {
        let width = 20
        let filled = step * width / max(total, 1)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled) + " "
        let left = Duration.seconds(secondsLeft).formatted(.time(pattern: .hourMinuteSecond))
        return "\(StandardError.isTerminal ? bar : "")\(step)/\(total)  \(numbers)  \(speed)  \(left) left"
    }
}
