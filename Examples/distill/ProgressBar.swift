import Distillation
import Foundation

/// One line on standard error that is drawn again at every step: how far, losses, speed, time left; after the
/// last step the peak memory.
struct ProgressBar {
    let total: Int
    private let first: Int
    private let start = ContinuousClock.now

    init(total: Int, done: Int) {
        (self.total, first) = (total, done)
    }

    mutating func show(_ step: DistillationStep, batch: Int) {
        let width = 20
        let filled = step.step * width / max(total, 1)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let each = seconds / Double(step.step - first)
        let left = Duration.seconds(each * Double(total - step.step)).formatted(.time(pattern: .hourMinuteSecond))
        let numbers = String(
            format: "student %.2e  fake score %.4f  %.1f pictures/s", step.studentLoss, step.fakeScoreLoss,
            Double(batch) / each)
        let line = "\r\(bar) \(step.step)/\(total)  \(numbers)  \(left) left "
        FileHandle.standardError.write(Data(line.utf8))
        guard step.step == total else { return }
        FileHandle.standardError.write(Data("\npeak memory: \(step.peakBytes >> 20) MiB\n".utf8))
    }
}
