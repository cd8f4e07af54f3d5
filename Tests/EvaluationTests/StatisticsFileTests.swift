import Foundation
import Tensor
import TestFixtures
import Testing

@testable import Evaluation

@Suite("Saved statistics")
struct StatisticsFileTests {
    private let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).npz")

    @Test("Saved and read again they are the same, and more can be added")
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
        #expect(zip(before.covariance, after.covariance).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    @Test("What numpy wrote is read, packed or not", arguments: ["stored", "packed"])
    func numpy(name: String) throws {
        let found = try FeatureStatistics(contentsOf: Fixtures.url("statistics/\(name).npz"))
        #expect(found.width == 4 && !found.hasKnownCount)
        #expect(found.mean == [0, 0.5, 1, 1.5])
        #expect(found.covariance == (0..<16).map { $0 % 5 == 0 ? 2.0 : 0.25 })
    }

    @Test("Arrays above the limit are not read, whatever they are packed to")
    func limit() throws {
        let file = Fixtures.url("statistics/packed.npz")
        #expect(try FeatureStatistics(contentsOf: file, limit: 256).width == 4)
        let error = #expect(throws: EvaluationError.self) { try FeatureStatistics(contentsOf: file, limit: 255) }
        #expect(error?.description.hasSuffix("sigma.npy has 256 bytes; expected at most 255") == true)
        let device = #expect(throws: EvaluationError.self) {
            try FeatureStatistics(contentsOf: URL(filePath: "/dev/zero"))
        }
        #expect(device?.description.hasSuffix("it is no file") == true)
    }

    @Test(
        "A header that claims more numbers than there are is refused",
        arguments: ["(4294967296, 4294967296)", "(9223372036854775807, 2)", "(-1,)", "(2,)", "(,)x", "(1e9,)"])
    func claims(shape: String) {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': \(shape), }"
        let bytes = Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0]) + Data(header.utf8)
        #expect(throws: EvaluationError.self) { try NumPyArray(bytes, name: "a") }
    }

    @Test("Damaged files are refused", arguments: ["stored", "packed"])
    func damaged(name: String) throws {
        defer { try? FileManager.default.removeItem(at: url) }
        let bytes = try Data(contentsOf: Fixtures.url("statistics/\(name).npz"))
        for length in stride(from: 0, to: bytes.count, by: 13) {
            try bytes.prefix(length).write(to: url)
            #expect(throws: EvaluationError.self) { try FeatureStatistics(contentsOf: url) }
        }
        // Whatever byte is changed, the file is refused or read as before.
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 0x5a
            try changed.write(to: url)
            let found = try? FeatureStatistics(contentsOf: url)
            #expect(found == nil || found?.mean == [0, 0.5, 1, 1.5])
        }
    }
}
