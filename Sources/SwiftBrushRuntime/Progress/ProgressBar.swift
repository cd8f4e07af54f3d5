import DiffusionModels
import Foundation

/// A training's progress on standard error: steps, the caller's numbers, speed, time left; see `ProgressLine`. Output that cannot be
/// written is discarded and never ends the training.
public struct ProgressBar {
    private let total: Int
    private let first: Int
    private let picturesPerStep: Int
    private let processes: Int
    private let start = ContinuousClock.now
    private let line = ProgressLine()

    /// A progress bar for a run, of which some steps may be done already.
    ///
    /// - Parameters:
    ///   - total: the number of steps in all.
    ///   - done: the number of steps done before the run was started or resumed.
    ///   - picturesPerStep: images per step, for the speed that is shown.
    ///   - processes: the number of processes, which is shown if there are several.
    public init(total: Int, done: Int, picturesPerStep: Int, processes: Int = 1) {
        (self.total, first, self.picturesPerStep, self.processes) = (total, done, picturesPerStep, processes)
    }

    /// Shows a step, and after the last one also the total time and the peak memory.
    public func show(step: Int, peakBytes: Int, _ numbers: String) {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let pace = seconds / Double(max(step - first, 1))
        let speed =
            String(format: "%.1f images/s", Double(picturesPerStep) / max(pace, 1e-9))
            + (processes > 1 ? " in \(processes) processes" : "")
        line.show(Double(step) / Double(max(total, 1)), text(step, numbers, speed, pace * Double(total - step)))
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
        // A narrow terminal cuts the end off, so that what matters least comes last.
        return "\(StandardError.isTerminal ? bar : "")\(step)/\(total)  \(left) left  \(numbers)  \(speed)"
    }
}
