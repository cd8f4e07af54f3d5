import Autograd
import Foundation
import SwiftBrushTestFixtures
import Synchronization
import Tensor
import Testing

@testable import SwiftBrushRuntime

/// A group that records how many numbers are sent in each exchange.
private final class RecordingGroup: ProcessGroup {
    let sizes = Mutex<[Int]>([])
    private let base: any ProcessGroup

    init(_ base: any ProcessGroup) { self.base = base }

    var rank: Int { base.rank }
    var count: Int { base.count }
    var countOnHost: Int { base.countOnHost }
    func exchange(_ tensor: Tensor, counts: [Int]) throws -> (tensor: Tensor, counts: [Int]) {
        sizes.withLock { $0.append(tensor.count) }
        return try base.exchange(tensor, counts: counts)
    }
    func gather(_ tensor: inout Tensor, counts: [Int]) throws { try base.gather(&tensor, counts: counts) }
    func gather(_ bytes: Data) throws -> [Data] { try base.gather(bytes) }
}

@Suite("Process groups")
struct ProcessGroupTests {
    /// Parameters of three sizes, one of more than a piece, with values.
    private static func parameters() -> ParameterSet {
        let parameters = ParameterSet()
        for (name, shape) in [("a", [7]), ("b", [1]), ("c", [4]), ("d", [2, 33_000])] {
            _ = parameters.scope.parameter(name, shape: shape, initializer: .normal(deviation: 1))
        }
        var stream = RandomStream(seed: 0)
        parameters.initialize(using: &stream)
        parameters.unfreeze()
        return parameters
    }

    /// The gradients of a part: b has one in part 3 alone, and c in none.
    private static func gradients(_ part: Int) -> [Tensor?] {
        var stream = RandomStream(seed: UInt64(part))
        return [
            stream.normal([7]) * Float(1 << (4 * part)), part == 3 ? Tensor([-0.0], shape: [1]) : nil, nil,
            stream.normal([2, 33_000]),
        ]
    }

    /// A variable with the gradients of a part.
    private static func output(_ parameters: [Parameter], _ part: Int) -> Variable {
        let terms = zip(parameters, gradients(part)).compactMap { parameter, gradient in
            gradient.map { (parameter.variable * Variable($0)).sum() }
        }
        return terms.dropFirst().reduce(terms[0], +)
    }

    @Test(
        "The gradients of parts are added in their order, whatever process has computed them, in buckets of any size",
        arguments: [1, 2, 3, 5], [1, 12, 1 << 20])
    func order(processes: Int, bucketSize: Int) throws {
        for type in GradientType.allCases {
            let sums = try ThreadGroup.run(processes) { group in
                let parameters = Self.parameters().all
                let optimizer = try Adam(parameters, learningRate: 1)
                let shared = SharedOptimizers([optimizer], in: group, gradientType: type, bucketSize: bucketSize)
                let results = try shared.gradients(of: try BatchParts(5, of: 5, in: group)) { part in
                    .init(part.rows.lowerBound, of: Self.output(parameters, part.rows.lowerBound), gradient: Tensor(1))
                }
                #expect(results == [0, 1, 2, 3, 4])
                return parameters.map { $0.gradient?.scalars.map(\.bitPattern) }
            }
            func rounded(_ number: Float) -> Float {
                if type == .float32 { return number }
                let bits = number.bitPattern
                return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
            }
            let expected = [7, 1, 4, 66_000].enumerated().map { index, count -> [UInt32]? in
                var sum = [Float](repeating: -0.0, count: count)
                let parts = (0..<5).compactMap { Self.gradients($0)[index]?.scalars }
                for part in parts { sum = zip(sum, part).map { $0 + rounded($1) } }
                return parts.isEmpty ? nil : sum.map { rounded($0).bitPattern }
            }
            for sum in sums {
                let isSame = sum == expected
                #expect(isSame, "\(type)")
            }
        }
    }

    @Test(
        "Processes that divide an optimiser compute the norm, the weights, the moments and the average of one process",
        arguments: [2, 3, 4], [1, 12, 1 << 20])
    func sharding(processes: Int, bucketSize: Int) throws {
        for rule in [ExponentialMovingAverage.Rule.constant, .warmingUp] { try compare(processes, bucketSize, rule) }
    }

    private func compare(_ processes: Int, _ bucketSize: Int, _ rule: ExponentialMovingAverage.Rule) throws {
        func run(_ group: any ProcessGroup, sharding: Bool) throws -> (bits: [[UInt32]], norms: [Double], shard: Int) {
            let set = Self.parameters()
            let average = try ExponentialMovingAverage(of: set, decay: 0.9, rule: rule)
            let optimizer = try Adam(set.all, learningRate: 0.01, weightDecay: 0.1, averages: [average])
            let shared = SharedOptimizers([optimizer], in: group, sharding: sharding, bucketSize: bucketSize)
            let norms = try (0..<3).map { number in
                _ = try shared.gradients(of: try BatchParts(5, of: 5, in: group)) { part in
                    .init(true, of: Self.output(set.all, part.rows.lowerBound), gradient: Tensor(1))
                }
                let update = try shared.update(of: optimizer, limit: 1, "the gradient", step: number)
                try update.apply("the weights", step: number)
                return update.norm
            }
            let shard = optimizer.state.tensors.values.reduce(0) { $0 + $1.count }
            let moments = try ["first", "second"].flatMap { name in
                try set.all.indices.map { try shared.whole(optimizer.moment(name, of: $0), of: optimizer, at: $0) }
            }
            let averages = try set.all.indices.map {
                try shared.whole(average.parameters.all[$0].value, of: optimizer, at: $0)
            }
            return ((set.all.map(\.value) + moments + averages).map { $0.scalars.map(\.bitPattern) }, norms, shard)
        }
        let one = try run(SingleProcess(), sharding: true)
        for sharding in [false, true] {
            let all = try ThreadGroup.run(processes) { try run($0, sharding: sharding) }
            for process in all {
                let isSame = process.bits == one.bits && process.norms == one.norms
                #expect(isSame, "sharding \(sharding)")
            }
            #expect(all.reduce(0) { $0 + $1.shard } == 2 * 66_012 * (sharding ? 1 : processes))
        }
    }

    @Test("From the second step on, buckets are sent in the order in which the first process's gradients were complete")
    func sendingOrder() throws {
        let orders = try ThreadGroup.run(2) { processes in
            let group = RecordingGroup(processes)
            let parameters = Self.parameters().all
            let shared = SharedOptimizers([try Adam(parameters, learningRate: 1)], in: group, bucketSize: 1)
            #expect(shared.buckets.buckets.map(\.members) == [[3], [2], [1], [0]])
            for _ in 0..<2 {
                _ = try shared.gradients(of: try BatchParts(2, of: 2, in: group)) { part in
                    // The backward pass completes b, d and a in this order, in the other process a, d and b; c has no gradient.
                    let order = part.rows.lowerBound == 0 ? [0, 3, 1] : [1, 3, 0]
                    let output = order.dropFirst().reduce(parameters[order[0]].variable.sum()) { sum, index in
                        parameters[index].variable.sum() + sum * Variable(Tensor(1))
                    }
                    return .init(true, of: output, gradient: Tensor(1))
                }
            }
            return group.sizes.withLock { $0 }
        }
        // d, c, b and a, and then b, d, a and c.
        // What a process keeps is not sent: the first the first piece of d, and a and c, the second the others.
        for (order, sizes) in zip(orders, [[464, 0, 1, 0], [65_536, 4, 0, 7]]) {
            #expect(order == sizes + [sizes[2], sizes[0], sizes[3], sizes[1]])
        }
    }

    @Test("Gathered averages are whole until the next step begins")
    func gatheredAverages() throws {
        let counts = try ThreadGroup.run(3) { group in
            let set = Self.parameters()
            let average = try ExponentialMovingAverage(of: set, decay: 0.9, rule: .constant)
            let optimizer = try Adam(set.all, learningRate: 0.01, averages: [average])
            let shared = SharedOptimizers([optimizer], in: group, sharding: true)
            func count() -> Int { average.parameters.all.reduce(0) { $0 + $1.value.count } }
            var counts: [Int] = []
            for number in 0..<2 {
                _ = try shared.gradients(of: try BatchParts(3, of: 3, in: group)) { part in
                    counts.append(count())
                    return .init(true, of: Self.output(set.all, part.rows.lowerBound), gradient: Tensor(1))
                }
                try shared.update(of: optimizer, limit: 1, "the gradient", step: number).apply("", step: number)
                counts.append(count())
                try shared.gatherAverages()
                #expect(count() == 66_012)
            }
            return counts
        }
        for index in 0..<4 { #expect(counts.reduce(0) { $0 + $1[index] } == 66_012) }
    }

    @Test("An update after which something is not finite is undone in all processes that divide it")
    func nonFiniteUpdate() throws {
        let errors = ThreadGroup.errors(3) { group in
            let set = Self.parameters()
            set.all[0].value = Tensor(repeating: -3.4e38, shape: [7])
            let before = set.all.map { $0.value.scalars }
            let optimizer = try Adam(set.all, learningRate: 1e37)
            let shared = SharedOptimizers([optimizer], in: group, sharding: true, bucketSize: 12)
            _ = try shared.gradients(of: try BatchParts(3, of: 3, in: group)) { part in
                let sums = set.all.map { ($0.variable * Variable(.ones($0.shape))).sum() }
                return .init(true, of: sums.dropFirst().reduce(sums[0], +), gradient: Tensor(1))
            }
            defer {
                let isSame = set.all.map { $0.value.scalars } == before && optimizer.state.stepCount == 0
                #expect(isSame)
            }
            let update = try shared.update(of: optimizer, limit: .infinity, "the gradient", step: 7)
            #expect(!update.isCertainlyFinite)
            try update.apply("the weights", step: 7)
        }
        for error in errors {
            #expect(error as? RunError == .nonFinite(step: 7, tensor: "the weights after the update", count: 7))
        }
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

    @Test("Chunks of odd and even length are packed and unpacked one by one", arguments: GradientType.allCases)
    func packing(type: GradientType) {
        let numbers = Tensor((1...9).map { Float($0) * 0.5 }, shape: [9])
        let sizes = [5, 0, 3, 1]
        let (packed, counts) = type.packed(numbers, sizes)
        #expect(counts == (type == .float32 ? [5, 0, 3, 1] : [3, 0, 2, 1]) && packed.count == counts.reduce(0, +))
        #expect(type.unpacked(packed, sizes).scalars == numbers.scalars)
        #expect(type.unpacked(packed.parts(counts)[2], count: 3).scalars == [3, 3.5, 4])
        let pieces = Tensor.concatenate(type.packed([numbers.part(0..<2), numbers.part(2..<5)]), axis: 0)
        #expect(pieces.scalars.map(\.bitPattern) == packed.parts(counts)[0].scalars.map(\.bitPattern))
        let none = type.packed(.zeros([0]), [0, 0])
        #expect(none.counts == [0, 0] && none.tensor.count == 0)
    }

    @Test("More processes than parts are refused")
    func parts() throws {
        let found = try ThreadGroup.run(3) { group in
            #expect(throws: ProcessError.tooMany(count: 3, parts: 2)) { try BatchParts(2, of: 8, in: group) }
            return try BatchParts(4, of: 10, in: group).own.map(\.rows)
        }
        #expect(found == [[0..<2, 7..<10], [2..<5], [5..<7]])
    }
}
