import Foundation
import Tensor
import Testing

@testable import Distillation

@Suite("Thread count")
struct ThreadCountTests {
    /// The metrics and some weights of a distillation after two steps, computed with `threads` threads in a process of its own.
    private func numbers(threads: Int) async throws -> [Double] {
        let result = try await #require(
            processExitsWith: .success, observing: [\.standardOutputContent]
        ) { [threads = threads as Int] in
            ThreadPool.threadCount = threads
            let distiller = try ReferenceRun().distiller()
            var numbers: [Double] = []
            for _ in 0..<2 {
                let step = try distiller.step()
                numbers += [step.studentLoss, step.fakeScoreLoss, step.studentGradientNorm, step.fakeScoreGradientNorm]
            }
            for set in [distiller.student.parameters, distiller.average.parameters, distiller.fakeScore.parameters] {
                numbers += set.all.map { $0.value.squaredNorm() }
            }
            let line = numbers.map { "\($0)" }.joined(separator: " ")
            FileHandle.standardOutput.write(Data("numbers: \(line)\n".utf8))
        }
        let output = String(decoding: result.standardOutputContent, as: UTF8.self)
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("numbers: ") })
        return line.dropFirst("numbers: ".count).split(separator: " ").compactMap { Double($0) }
    }

    @Test("A training step with 1, 2 and 3 threads gives the same losses, gradients and weights within 1e-6")
    func independence() async throws {
        let expected = try await numbers(threads: 1)
        #expect(expected.count > 100)
        for threads in [2, 3] {
            let found = try await numbers(threads: threads)
            #expect(found.count == expected.count)
            for (found, expected) in zip(found, expected) {
                #expect(abs(found - expected) <= 1e-6 * max(abs(expected), 1e-3), "\(threads) threads")
            }
        }
    }
}
