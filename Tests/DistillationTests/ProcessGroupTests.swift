import Autograd
import SwiftBrushRuntime
import SwiftBrushTestFixtures
import Tensor
import Testing

@Suite("Process groups")
struct ProcessGroupTests {
    @Test(
        "The gradients of parts are added in their order, whatever process has computed them", arguments: [1, 2, 3, 5])
    func order(processes: Int) throws {
        let sums = try ThreadGroup.run(processes) { group in
            let parameters = ParameterSet()
            for (name, count) in [("a", 7), ("b", 1), ("c", 4)] {
                _ = parameters.scope.parameter(name, shape: [count], initializer: .zeros)
            }
            var stream = RandomStream(seed: 0)
            parameters.initialize(using: &stream)
            parameters.unfreeze()
            var gradients = PartGradients(of: parameters.all, in: group)
            for part in group.rank * 5 / group.count..<(group.rank + 1) * 5 / group.count {
                var stream = RandomStream(seed: UInt64(part))
                // The parameter b has a gradient in one part alone, and c in none.
                parameters.all[0].gradient = stream.normal([7]) * Float(1 << (4 * part))
                if part == 3 { parameters.all[1].gradient = Tensor([-0.0], shape: [1]) }
                gradients.take()
            }
            try gradients.sum()
            return parameters.all.map { $0.gradient?.scalars.map(\.bitPattern) }
        }
        var expected = [Float](repeating: -0.0, count: 7)
        for part in 0..<5 {
            var stream = RandomStream(seed: UInt64(part))
            let gradient = (stream.normal([7]) * Float(1 << (4 * part))).scalars
            expected = zip(expected, gradient).map { $0 + $1 }
        }
        for sum in sums { #expect(sum == [expected.map(\.bitPattern), [Float(-0.0).bitPattern], nil]) }
    }

    @Test("An error in one process ends the step in all")
    func errors() throws {
        struct Broken: Error {}
        let errors = ThreadGroup.errors(3) { group in
            _ = try group.results {
                if group.rank == 1 { throw RunError.nonFinite(step: 7, tensor: "the gradient", count: 2) }
                return group.rank
            }
        }
        #expect(
            errors.map { $0 as? RunError }
                == Array(repeating: .nonFinite(step: 7, tensor: "the gradient", count: 2), count: 3))
        let others = ThreadGroup.errors(2) { group in
            _ = try group.results {
                if group.rank == 1 { throw Broken() }
                return group.rank
            }
        }
        #expect(others[0] as? ProcessError == .failed(rank: 1, count: 2, description: "Broken()"))
        #expect(others[1] is Broken)
    }

    @Test("More processes than parts are refused")
    func parts() throws {
        let found = try ThreadGroup.run(3) { group in
            #expect(throws: ProcessError.tooMany(count: 3, parts: 2)) { try BatchParts(2, of: 8, in: group) }
            return try BatchParts(4, of: 10, in: group).own.map(\.rows)
        }
        #expect(found == [[0..<2], [2..<5], [5..<7, 7..<10]])
    }
}
