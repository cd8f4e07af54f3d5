import Foundation
import SwiftBrushTestFixtures
import Testing

@testable import SwiftBrushFuzzing

@Suite("Fuzzing corpus")
struct FuzzingCorpusTests {
    /// A crash here means that a reader does not handle an input of the corpus; `SwiftBrushFuzzing read` finds out which.
    @Test(
        "A reader accepts one of its seed inputs and does not crash on its corpus", arguments: FuzzedReader.all)
    func corpus(reader: FuzzedReader) throws {
        try FuzzedReader.withFolder { folder in
            let body = try reader.prepare(folder)
            let seeds = try reader.seeds()
            #expect(seeds.contains { (try? body($0)) != nil }, "no seed input can be read")
            for file in reader.corpus { try? body(Data(contentsOf: file)) }
        }
    }

    @Test("Every folder of the corpus belongs to a reader")
    func folders() throws {
        let folder = Fixtures.package.appending(path: "Tests/Fuzzing/Corpus")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(Set(names).subtracting(["README.md"]).isSubset(of: FuzzedReader.all.map(\.name)))
    }

    @Test("Mutations are deterministic for a given seed", arguments: FuzzedReader.all)
    func mutations(reader: FuzzedReader) throws {
        let seeds = try reader.seeds()
        let mutator = Mutator(reader.format, seeds: seeds)
        let input = [UInt8](seeds[0])
        for seed in 0..<20 as Range<UInt64> {
            var (first, second) = (FuzzingRandom(seed: seed), FuzzingRandom(seed: seed))
            #expect(
                mutator.mutated(input, with: input, using: &first)
                    == mutator.mutated(input, with: input, using: &second))
        }
    }
}

extension FuzzedReader: CustomTestStringConvertible {
    /// The name on the command line.
    public var testDescription: String { name }
}
