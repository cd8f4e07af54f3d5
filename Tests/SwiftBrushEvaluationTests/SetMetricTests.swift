import SwiftBrushEvaluation
import SwiftBrushTestFixtures
import Tensor
import Testing

@Suite("Metrics of feature sets")
struct SetMetricTests {
    static let cases = ["near", "narrow", "far", "repeated"]
    private let golden = Result { try Fixtures.tensors("set-metrics/metrics.safetensors") }

    private func tensor(_ name: String) throws -> Tensor { try #require(golden.get()[name]) }

    private func features(_ name: String, chunk: Int) throws -> Features {
        let tensor = try tensor(name)
        return try Features(
            stride(from: 0, to: tensor.shape[0], by: chunk).map {
                tensor.sliced(axis: 0, $0..<min($0 + chunk, tensor.shape[0]))
            })
    }

    @Test("Precision and recall equal the reference implementation's", arguments: cases)
    func precisionAndRecall(name: String) throws {
        let generated = try features("\(name).generated", chunk: 7)
        let reference = try features("\(name).reference", chunk: 64)
        for (index, neighbours) in [3, 5].enumerated() {
            let found = try PrecisionAndRecall(generated: generated, reference: reference, neighbours: neighbours)
            #expect(Float(found.precision) == (try tensor("\(name).precision")[index]))
            #expect(Float(found.recall) == (try tensor("\(name).recall")[index]))
        }
    }

    @Test("Density and coverage equal the authors' formula", arguments: cases)
    func densityAndCoverage(name: String) throws {
        let generated = try features("\(name).generated", chunk: 7)
        let reference = try features("\(name).reference", chunk: 64)
        for (index, neighbours) in [3, 5].enumerated() {
            let found = try DensityAndCoverage(generated: generated, reference: reference, neighbours: neighbours)
            #expect(abs(Float(found.density) - (try tensor("\(name).density")[index])) < 1e-6)
            #expect(Float(found.coverage) == (try tensor("\(name).coverage")[index]))
        }
    }

    @Test("Sets larger than a block are computed correctly")
    func blocks() throws {
        var stream = RandomStream(seed: 4)
        let real = stream.normal([1500, 3])
        let set = try Features([real])
        let same = try PrecisionAndRecall(generated: set, reference: set)
        #expect(same.precision == 1 && same.recall == 1)
        let apart = try PrecisionAndRecall(generated: Features([real + 100]), reference: set)
        #expect(apart.precision == 0 && apart.recall == 0)
        // The mean distance of normal vectors in three dimensions is 4/√π; 1,500 vectors give it within 2 %.
        #expect(abs(try meanPairwiseDistance(set) - 2.2568) < 0.05)
    }

    @Test("The kernel distance of whole sets matches clean-fid's", arguments: cases)
    func kernel(name: String) throws {
        // Sets of equal size, so that each subset is the whole set and the estimate is not random.
        let (generated, reference) = (try tensor("\(name).generated"), try tensor("\(name).reference"))
        let count = min(generated.shape[0], reference.shape[0])
        let (a, b) = (generated.sliced(axis: 0, 0..<count), reference.sliced(axis: 0, 0..<count))
        let found = try KernelDistance(Features([a]), Features([b]), subsets: 2)
        #expect(found.subsetSize == count)
        // The golden numbers are read as Float32.
        let value = Double(try tensor("\(name).kernel").item)
        #expect(abs(found.mean - value) <= 1e-6 * abs(value), "\(found.mean), expected \(value)")
        #expect(found.deviation <= 1e-9 * abs(value))
    }

    @Test("Kernel distance subsets differ and depend only on the seed")
    func subsets() throws {
        let (a, b) = (try features("near.generated", chunk: 99), try features("near.reference", chunk: 99))
        let first = try KernelDistance(a, b, subsets: 20, subsetSize: 50, seed: 1)
        #expect(first.deviation > 0)
        #expect(first == (try KernelDistance(a, b, subsets: 20, subsetSize: 50, seed: 1)))
        #expect(first != (try KernelDistance(a, b, subsets: 20, subsetSize: 50, seed: 2)))
        // The estimate is unbiased: five standard errors around that of all vectors.
        let all = try KernelDistance(a, b, subsets: 1)
        #expect(abs(first.mean - all.mean) <= 5 * first.deviation / 20.0.squareRoot())
    }

    @Test("Mean pairwise distances match the reference values", arguments: cases)
    func pairwise(name: String) throws {
        let value = Double(try tensor("\(name).pairwise").item)
        let found = try meanPairwiseDistance(features("\(name).generated", chunk: 11))
        #expect(abs(found - value) <= 1e-6 * value, "\(found), expected \(value)")
    }

    @Test("Unsuitable sets are rejected")
    func errors() throws {
        let (a, b) = (try Features([.zeros([10, 3])]), try Features([.zeros([10, 4])]))
        #expect(throws: EvaluationError.self) { try Features([]) }
        #expect(throws: EvaluationError.self) { try Features([.zeros([2, 3]), .zeros([2, 4])]) }
        #expect(throws: EvaluationError.self) { try PrecisionAndRecall(generated: a, reference: b) }
        #expect(throws: EvaluationError.self) { try PrecisionAndRecall(generated: a, reference: a, neighbours: 10) }
        #expect(throws: EvaluationError.self) { try DensityAndCoverage(generated: a, reference: b) }
        #expect(throws: EvaluationError.self) { try DensityAndCoverage(generated: a, reference: a, neighbours: 10) }
        #expect(throws: EvaluationError.self) { try KernelDistance(a, a, subsetSize: 1) }
        #expect(throws: EvaluationError.self) { try meanPairwiseDistance(Features([.zeros([1, 3])])) }
        let infinite = try Features([Tensor(repeating: .infinity, shape: [10, 3])])
        #expect(throws: EvaluationError.self) { try KernelDistance(a, infinite) }
    }
}
