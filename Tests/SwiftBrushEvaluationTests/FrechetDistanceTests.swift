import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushEvaluation

@Suite("Fréchet distance")
struct FrechetDistanceTests {
    private func statistics(_ features: Tensor, batch: Int) throws -> FeatureStatistics {
        var statistics = try FeatureStatistics(width: features.shape[1])
        for start in stride(from: 0, to: features.shape[0], by: batch) {
            try statistics.add(features.sliced(axis: 0, start..<min(start + batch, features.shape[0])))
        }
        return statistics
    }

    @Test("Agrees with scipy's matrix square root", arguments: ["tall", "narrow", "flat", "wide"])
    func scipy(name: String) throws {
        let file = try SafetensorsFile(contentsOf: Fixtures.url("frechet/frechet.safetensors"))
        let (a, b) = (try file.tensor("\(name).a"), try file.tensor("\(name).b"))
        let expected = Double(try file.tensor("\(name).distance").item)
        let found = try frechetDistance(statistics(a, batch: 7), statistics(b, batch: 64))
        // scipy's root of the singular products of "flat" and "wide" is itself good to about 1e-8.
        #expect(abs(found - expected) <= 1e-6 * expected, "\(found), expected \(expected)")
        // Computed from singular values, which is accurate for singular covariances too. Roots of rounding errors would show here.
        let exact = try file.tensor("\(name).exact").scalars.reduce(0) { $0 + Double($1) }
        #expect(abs(found - exact) <= 1e-10 * exact, "\(found), expected \(exact)")
    }

    @Test("The distance of a set to itself is zero, and to a shifted copy the squared shift")
    func identities() throws {
        var stream = RandomStream(seed: 1)
        let features = stream.normal([300, 8])
        let same = try statistics(features, batch: 100)
        let trace = try (0..<8).reduce(0) { try $0 + same.covariance[$1 * 9] }
        #expect(abs(try frechetDistance(same, same)) <= 1e-6 * trace)
        let moved = try statistics(features + 0.5, batch: 100)
        #expect(abs(try frechetDistance(same, moved) - 8 * 0.25) <= 1e-5)
    }

    @Test("The covariance is accurate far from the origin")
    func shifted() throws {
        var stream = RandomStream(seed: 2)
        let features = stream.normal([500, 1])
        let far = (features * 8).scalars.map { ($0.rounded() / 8) }
        let near = try statistics(Tensor(far, shape: [500, 1]), batch: 50)
        let away = try statistics(Tensor(far.map { $0 + 65_536 }, shape: [500, 1]), batch: 50)
        #expect(try abs(near.covariance[0] - away.covariance[0]) <= 1e-12)
    }

    @Test("Unsuitable features are rejected")
    func errors() throws {
        var statistics = try FeatureStatistics(width: 3)
        #expect(throws: EvaluationError.self) { try statistics.add(.zeros([2, 4])) }
        #expect(throws: EvaluationError.self) { try statistics.add(Tensor([1, .nan, 2], shape: [1, 3])) }
        #expect(statistics.count == 0)
        #expect(throws: EvaluationError.self) { try frechetDistance(statistics, statistics) }
    }
}
