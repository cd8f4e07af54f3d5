import Foundation
import Testing

@testable import DiffusionModels

/// A way to break a checkpoint, and the expected error message.
struct MalformedCheckpoint: Sendable, CustomTestStringConvertible {
    let name: String
    let message: String
    let damage: @Sendable (CheckpointWorkshop) throws -> Void

    init(_ name: String, _ message: String, _ damage: @escaping @Sendable (CheckpointWorkshop) throws -> Void) {
        (self.name, self.message, self.damage) = (name, message, damage)
    }

    var testDescription: String { name }

    static let all = files + shards + weights + configurations + tokenizers + singleFiles
}

@Suite("Malformed checkpoints")
struct MalformedCheckpointTests {
    @Test("The undamaged model loads, also in shards and as a single file")
    func whole() throws {
        let workshop = try CheckpointWorkshop()
        #expect(workshop.problem() == nil)
        try workshop.shard()
        #expect(workshop.problem() == nil)
        try workshop.useSingleFile()
        #expect(workshop.problem() == nil)
    }

    @Test("A broken checkpoint is refused with the expected message", arguments: MalformedCheckpoint.all)
    func refusal(malformed: MalformedCheckpoint) throws {
        let workshop = try CheckpointWorkshop()
        try malformed.damage(workshop)
        #expect(workshop.problem() == malformed.message)
    }

    @Test("There are at least 40 cases with different names")
    func count() {
        #expect(Set(MalformedCheckpoint.all.map(\.name)).count == MalformedCheckpoint.all.count)
        #expect(MalformedCheckpoint.all.count >= 40)
    }
}
