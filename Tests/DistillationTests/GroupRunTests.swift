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

    @Test("A run of processes that divide the optimiser, and of others that do not, equals an undisturbed one")
    func sharding() throws {
        func bytes(_ folder: URL) throws -> Data {
            try Data(contentsOf: folder.appending(path: "checkpoints/step-0000006.safetensors"))
        }
        func run(_ folder: URL, _ iterations: Int, _ count: Int, sharding: Bool) throws {
            _ = try ThreadGroup.run(count) { group in
                let distiller = try Self.distiller()
                (distiller.group, distiller.shardsOptimizer) = (group, sharding)
                let run = try RunDirectory(folder, resuming: true, in: group)
                try run.begin(distiller)
                var sheets = 0
                try run.train(
                    distiller, iterations: iterations, checkpointEvery: 2, sheetEvery: 3, stopsOnSignals: false,
                    saveSheet: {
                        sheets += 1
                        #expect(group.rank == 0)
                        // A sample grid needs the whole average.
                        for (a, b) in zip(distiller.average.parameters.all, distiller.student.parameters.all) {
                            #expect(a.value.shape == b.shape)
                        }
                    })
                #expect(group.rank > 0 || sheets > 0 || iterations < 2)
            }
        }
        let (straight, folder) = (folder.appending(path: "straight"), folder.appending(path: "resumed"))
        try run(straight, 6, 1, sharding: false)
        for (iterations, count, sharding) in [(2, 3, true), (3, 1, false), (5, 2, true), (6, 3, true)] {
            try run(folder, iterations, count, sharding: sharding)
        }
        let isSame = try bytes(folder) == bytes(straight)
        #expect(isSame)
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
