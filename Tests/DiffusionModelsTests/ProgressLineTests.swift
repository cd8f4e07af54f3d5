import Foundation
import Synchronization
import Testing

@testable import DiffusionModels

/// Tests ProgressLine with a clock that the test advances.
@Suite("ProgressLine")
final class ProgressLineTests: Sendable {
    private let time = Mutex(ContinuousClock.now)
    private let lines = Mutex<[String]>([])

    private func line(isTerminal: Bool) -> ProgressLine {
        ProgressLine(
            isTerminal: isTerminal, now: { [self] in time.withLock { $0 } },
            write: { [self] text in lines.withLock { $0.append(text) } })
    }

    private func shown(_ steps: Int, each: Duration, isTerminal: Bool) -> [String] {
        let line = line(isTerminal: isTerminal)
        for step in 1...steps {
            time.withLock { $0 += each }
            line.show(Double(step) / Double(steps), "\(step)")
        }
        line.finish()
        return lines.withLock { $0 }
    }

    @Test("ProgressLine writes a line per tenth of the work without a terminal")
    func tenths() {
        let lines = shown(1000, each: .milliseconds(100), isTerminal: false)
        #expect(lines == ["5", "100", "200", "300", "400", "500", "600", "700", "800", "900", "1000"])
    }

    @Test("ProgressLine writes a line per half minute of slow work")
    func halfMinutes() {
        #expect(shown(100, each: .seconds(10), isTerminal: false).count == 40)
    }

    @Test("ProgressLine writes at most one line per second, except for the last")
    func seconds() {
        #expect(shown(20, each: .milliseconds(120), isTerminal: false) == ["5", "14", "20"])
    }

    @Test("ProgressLine updates a terminal at most ten times per second and finally clears the line")
    func terminal() {
        let lines = shown(1000, each: .milliseconds(10), isTerminal: true)
        #expect(lines.count == 97 && lines.first == "50" && lines.last == "")
    }

    @Test("ProgressLine shows nothing for work of less than half a second")
    func quick() {
        #expect(shown(49, each: .milliseconds(10), isTerminal: false) == [])
        #expect(shown(49, each: .milliseconds(10), isTerminal: true) == [])
    }
}
