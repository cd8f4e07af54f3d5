import Foundation
import SwiftBrushRuntime
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

@Suite("Runs of several processes")
final class GroupRunTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "group-run-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: folder) }

    private static func distiller(_ change: (inout DistillationConfiguration) -> Void = { _ in }) throws -> Distiller {
        var configuration = ReferenceRun.configuration
        configuration.accumulatedParts = 3
        change(&configuration)
        return try ReferenceRun().distiller(configuration)
    }

    @Test("A run that is resumed with other numbers of processes equals an undisturbed one, and only rank 0 writes")
    func resume() throws {
        let straight = try Self.distiller()
        for _ in 0..<4 { try straight.step() }
        let folder = folder
        for (iterations, count) in [(1, 2), (2, 3), (4, 1)] {
            let found = try ThreadGroup.run(count) { group in
                let distiller = try Self.distiller()
                distiller.group = group
                let run = try RunDirectory(folder, resuming: iterations > 1, in: group)
                #expect((run.url == folder) == (group.rank == 0))
                #expect(try run.accumulatedParts(nil, in: group) == (iterations > 1 ? 3 : count))
                try run.begin(distiller)
                try run.train(distiller, iterations: iterations, checkpointEvery: 10, stopsOnSignals: false)
                return distiller.bits
            }
            let isSame = found.allSatisfy { $0 == found[0] }
            #expect(isSame, "\(count) processes")
            if iterations == 4 {
                let isStraight = found[0] == straight.bits
                #expect(isStraight)
            }
        }
        let run = try RunDirectory(folder, resuming: true)
        #expect(try run.metrics().map(\.step) == [1, 2, 3, 4])
        let settings = try String(contentsOf: folder.appending(path: "configuration.json"), encoding: .utf8)
        #expect(settings.contains("\"accumulate\""))
    }

    @Test("Processes with other settings or other data are refused, by rank and by what differs")
    func differences() throws {
        let folder = folder
        func errors(_ begin: @escaping (ThreadGroup) throws -> Distiller) -> [String] {
            ThreadGroup.errors(2) { group in
                let distiller = try begin(group)
                distiller.group = group
                try RunDirectory(folder, resuming: true, in: group).begin(distiller)
            }.map { $0.map { "\($0)" } ?? "" }
        }
        let settings = errors { group in try Self.distiller { $0.adapterRank = group.rank == 1 ? 2 : 4 } }
        let expected =
            "process 1 of 2: expected what process 0 was started with, settings.adapterRank 4, found settings.adapterRank 2"
        #expect(settings == [expected, expected])
        let data = errors { group in
            let distiller = try Self.distiller()
            guard group.rank == 1 else { return distiller }
            return try ReferenceRun().distiller(distiller.configuration, prompts: 4)
        }
        #expect(data[0].hasPrefix("process 1 of 2: expected what process 0 was started with, promptCount 5"), "\(data)")
        #expect(data[0] == data[1])
    }
}
