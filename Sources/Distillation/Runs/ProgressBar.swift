import Foundation

/// One line on standard error that is drawn again at every step: how far, the caller's numbers, speed, time left.
public struct ProgressBar {
    private let total: Int
    private let first: Int
    private let picturesPerStep: Int
    private let start = ContinuousClock.now

    /// A bar of steps, of which some were done before.
    ///
    /// - Parameters:
    ///   - total: how many steps in all.
    ///   - done: how many before this start of the run.
    ///   - picturesPerStep: of which the speed is told.
    public init(total: Int, done: Int, picturesPerStep: Int) {
        (self.total, first, self.picturesPerStep) = (total, done, picturesPerStep)
    }

    /// Draws the line after a step, and after the last one the peak memory below it.
    public func show(step: Int, peakBytes: Int, _ numbers: String) {
        let width = 20
        let filled = step * width / max(total, 1)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let each = seconds / Double(step - first)
        let left = Duration.seconds(each * Double(total - step)).formatted(.time(pattern: .hourMinuteSecond))
        let speed = String(format: "%.1f pictures/s", Double(picturesPerStep) / each)
        let line = "\r\(bar) \(step)/\(total)  \(numbers)  \(speed)  \(left) left "
        FileHandle.standardError.write(Data(line.utf8))
        guard step == total else { return }
        FileHandle.standardError.write(Data("\npeak memory: \(peakBytes >> 20) MiB\n".utf8))
    }
}
