import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushEvaluation

@Suite("FeatureStatistics files")
struct StatisticsFileTests {
    private let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).npz")

    @Test("Saved statistics are read back unchanged, and features can be added to them")
    func roundTrip() throws {
        defer { try? FileManager.default.removeItem(at: url) }
        var stream = RandomStream(seed: 3)
        var before = try Features([stream.normal([40, 5]) + 3]).statistics()
        try before.save(to: url)
        var after = try FeatureStatistics(contentsOf: url)
        #expect(after.count == 40 && after.hasKnownCount)
        #expect(try abs(frechetDistance(before, after)) < 1e-12)
        try before.add(.ones([3, 5]))
        try after.add(.ones([3, 5]))
        #expect(try zip(before.covariance, after.covariance).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    @Test("Files written by numpy are read, compressed or not", arguments: ["stored", "packed"])
    func numpy(name: String) throws {
        let found = try FeatureStatistics(contentsOf: Fixtures.url("statistics/\(name).npz"))
        #expect(found.width == 4 && !found.hasKnownCount)
        #expect(found.mean == [0, 0.5, 1, 1.5])
        #expect(try found.covariance == (0..<16).map { $0 % 5 == 0 ? 2.0 : 0.25 })
    }

    @Test("Arrays above the limit are rejected, whatever their compressed size, and so are devices")
    func limit() throws {
        let file = Fixtures.url("statistics/packed.npz")
        #expect(try FeatureStatistics(contentsOf: file, limit: 256).width == 4)
        let error = #expect(throws: EvaluationError.self) { try FeatureStatistics(contentsOf: file, limit: 255) }
        #expect(error?.description.hasSuffix("sigma.npy has 256 bytes; expected at most 255") == true)
        let device = #expect(throws: EvaluationError.self) {
            try FeatureStatistics(contentsOf: URL(filePath: "/dev/zero"))
        }
        #expect(device?.description.hasSuffix("it is not a file") == true)
    }

    @Test(
        "A header whose shape does not match the data is rejected",
        arguments: ["(4294967296, 4294967296)", "(9223372036854775807, 2)", "(-1,)", "(2,)", "(,)x", "(1e9,)"])
    func claims(shape: String) {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': \(shape), }"
        let bytes = Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0]) + Data(header.utf8)
        #expect(throws: EvaluationError.self) { try NumPyArray(bytes, name: "a") }
    }

    @Test("Damaged files are rejected", arguments: ["stored", "packed"])
    func damaged(name: String) throws {
        defer { try? FileManager.default.removeItem(at: url) }
        let bytes = try Data(contentsOf: Fixtures.url("statistics/\(name).npz"))
        for length in stride(from: 0, to: bytes.count, by: 13) {
            try bytes.prefix(length).write(to: url)
            #expect(throws: EvaluationError.self) { try FeatureStatistics(contentsOf: url) }
        }
        // Whichever byte is changed, the file is rejected or read as before.
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 0x5a
            try changed.write(to: url)
            let found = try? FeatureStatistics(contentsOf: url)
            #expect(found == nil || found?.mean == [0, 0.5, 1, 1.5])
        }
    }
}
