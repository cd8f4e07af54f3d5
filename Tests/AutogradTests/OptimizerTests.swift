import Autograd
import SwiftBrushTestFixtures
import Testing

@testable import Tensor

@Suite("Optimisers")
struct OptimizerTests {
    private let golden: [String: Tensor]

    init() throws { golden = try Fixtures.tensors("optimizers/optimizers.safetensors") }

    private func parameters() throws -> ParameterSet {
        let set = ParameterSet()
        for name in ["a", "b"] {
            let start = try #require(golden["start.\(name)"])
            let parameter = set.scope.parameter(name, shape: start.shape, initializer: .zeros)
            parameter.value = start
            parameter.isTrainable = true
        }
        return set
    }

    private func make(_ name: String, _ set: ParameterSet) throws -> any Optimizer {
        switch name {
        case "adam": try Adam(set.all, learningRate: 1e-2)
        case "adamw": try Adam(set.all, learningRate: 1e-2, betas: (0.8, 0.99), epsilon: 1e-6, weightDecay: 0.1)
        case "momentum": try SGD(set.all, learningRate: 1e-2, momentum: 0.9)
        default: try SGD(set.all, learningRate: 1e-2)
        }
    }

    private func take(_ step: Int, _ optimizer: any Optimizer) throws -> Double {
        for parameter in optimizer.parameters {
            let gradient = try #require(golden["gradient.\(step).\(parameter.path)"])
            parameter.gradient = gradient
        }
        let step = try ClippedStep(of: optimizer, limit: 1)
        try step.apply()
        #expect(optimizer.parameters.allSatisfy { $0.gradient == nil })
        return step.norm
    }

    @Test("Five clipped steps agree with torch.optim", arguments: ["adam", "adamw", "sgd", "momentum"])
    func agreement(name: String) throws {
        let set = try parameters()
        let optimizer = try make(name, set)
        for step in 0..<5 {
            let norm = try take(step, optimizer)
            #expect(abs(norm - Double(try #require(golden["\(name).\(step).norm"]).item)) <= 1e-6 * norm)
            for parameter in set.all {
                let expected = try #require(golden["\(name).\(step).\(parameter.path)"])
                #expect(relativeError(parameter.value, expected) <= 1e-6, "\(parameter.path) after step \(step)")
            }
        }
    }

    /// A tenth of the learning rate for `a`, no weight decay for `b`, as in `groups.py`.
    private func makeGrouped(_ name: String, _ set: ParameterSet) throws -> any Optimizer {
        let (a, b) = (try #require(set["a"]), try #require(set["b"]))
        let groups = [ParameterGroup([a], learningRateScale: 0.1), ParameterGroup([b], weightDecay: 0)]
        return switch name {
        case "adamw": try Adam(set.all, learningRate: 1e-2, weightDecay: 0.1, groups: groups)
        case "momentum": try SGD(set.all, learningRate: 1e-2, momentum: 0.9, weightDecay: 0.1, groups: groups)
        default: try SGD(set.all, learningRate: 1e-2, weightDecay: 0.1, groups: groups)
        }
    }

    @Test(
        "Five steps with parameter groups and a schedule agree with torch.optim",
        arguments: ["adamw", "sgd", "momentum"])
    func groups(name: String) throws {
        let expected = try Fixtures.tensors("optimizers/groups.safetensors")
        let factors = try #require(expected["factors"]).scalars
        let set = try parameters()
        let optimizer = try makeGrouped(name, set)
        for step in 0..<5 {
            optimizer.learningRate = 1e-2 * Double(factors[step])
            _ = try take(step, optimizer)
            for parameter in set.all {
                let value = try #require(expected["\(name).\(step).\(parameter.path)"])
                #expect(relativeError(parameter.value, value) <= 1e-6, "\(parameter.path) after step \(step)")
            }
        }
    }

    @Test("Groups do not change the form of the state: one saved without groups is restored with them, and the reverse")
    func groupState() throws {
        let (first, second) = (try parameters(), try parameters())
        for (saving, restoring) in [
            (try makeGrouped("adamw", first), try make("adamw", second)),
            (try make("adamw", first), try makeGrouped("adamw", second)),
        ] {
            _ = try take(0, saving)
            restoring.state = saving.state
            #expect(restoring.state.stepCount == 1)
            #expect(restoring.state.tensors.mapValues(\.scalars) == saving.state.tensors.mapValues(\.scalars))
        }
    }

    @Test("Training resumed from a saved optimiser state is bit-identical", arguments: ["adam", "adamw", "momentum"])
    func state(name: String) throws {
        let (first, second) = (try parameters(), try parameters())
        let (straight, broken) = try (make(name, first), make(name, second))
        for step in 0..<3 {
            _ = try take(step, straight)
            _ = try take(step, broken)
        }
        let resumed = try make(name, second)
        resumed.state = broken.state
        for step in 3..<5 {
            _ = try take(step, straight)
            _ = try take(step, resumed)
        }
        #expect(first.all.map(\.value.scalars) == second.all.map(\.value.scalars))
    }

    @Test("The moving average agrees with diffusers' EMAModel")
    func average() throws {
        let set = try parameters()
        let average = try ExponentialMovingAverage(of: set)
        let optimizer = try make("adam", set)
        for step in 0..<5 {
            _ = try take(step, optimizer)
            average.update()
            for parameter in average.parameters.all {
                let expected = try #require(golden["ema.\(step).\(parameter.path)"])
                #expect(relativeError(parameter.value, expected) <= 1e-6, "\(parameter.path) after step \(step)")
            }
        }
    }

    @Test("A moving average updated by the optimiser equals one updated after each step, with or without gradients")
    func fusedAverage() throws {
        let (first, second) = (try parameters(), try parameters())
        let after = try ExponentialMovingAverage(of: first)
        let during = try ExponentialMovingAverage(of: second)
        let separate = try Adam(first.all, learningRate: 0.05, weightDecay: 0.1)
        let fused = try Adam(second.all, learningRate: 0.05, weightDecay: 0.1, averages: [during])
        for step in 0..<4 {
            _ = try take(step, separate)
            after.update()
            _ = try take(step, fused)
        }
        separate.zeroGradients()
        fused.zeroGradients()
        try separate.step()
        after.update()
        try fused.step()
        #expect(during.updateCount == 5)
        for (expected, found) in zip(after.parameters.all, during.parameters.all) {
            // The formula is the same, but the compiler may use fused multiply-adds in only one of the two places.
            #expect(relativeError(found.value, expected.value) <= 1e-6, "\(found.path)")
        }
    }

    @Test("A moving average of some elements does not keep the memory of the others")
    func averageOfElements() throws {
        let set = try parameters()
        let average = try ExponentialMovingAverage(of: set)
        let (parameter, averaged) = (set.all[0], average.parameters.all[0])
        averaged.interpolate(towards: parameter, by: 1, in: 0..<2)
        #expect(averaged.value.scalars == Array(parameter.value.scalars.prefix(2)))
        #expect(averaged.value.storage.stored != parameter.value.storage.stored)
    }

    @Test("EMA decay: 0 for the first update, then (1 + s)/(10 + s) up to the maximum")
    func decay() throws {
        let average = try ExponentialMovingAverage(of: ParameterSet())
        let expected = [0: 0, 1: 2.0 / 11, 9: 10.0 / 19, 89_989: 89_990.0 / 89_999, 100_000: 0.9999]
        for (updates, decay) in expected {
            average.updateCount = updates
            #expect(abs(average.nextDecay - decay) <= 1e-12)
        }
        #expect(try ExponentialMovingAverage(of: ParameterSet(), decay: 0.9, rule: .constant).nextDecay == 0.9)
    }

    @Test("Learning-rate schedules: linear warm-up from zero, cosine decay")
    func schedules() {
        let warm = LearningRateSchedule.constant(warmUp: 4)
        #expect([0, 1, 4, 100].map { warm.factor(at: $0) } == [0, 0.25, 1, 1])
        let cosine = LearningRateSchedule.cosine(warmUp: 2, total: 10)
        let expected = [0: 0, 1: 0.5, 2: 1, 6: 0.5, 10: 0, 12: 0]
        for (step, factor) in expected { #expect(abs(cosine.factor(at: step) - factor) <= 1e-15) }
    }
}

@Suite("ClippedStep")
struct ClippedStepTests {
    @Test("Non-finite gradients are counted and change nothing; without a limit nothing is clipped")
    func nonFinite() throws {
        let set = ParameterSet()
        let parameter = set.scope.parameter("w", shape: [3], initializer: .zeros)
        var stream = RandomStream(seed: 0)
        set.initialize(using: &stream)
        set.unfreeze()
        let optimizer = try SGD(set.all, learningRate: 1)
        parameter.gradient = Tensor([.nan, 3, .infinity], shape: [3])
        #expect(throws: NonFiniteGradients(count: 2)) { try ClippedStep(of: optimizer) }
        #expect(parameter.value.scalars == [0, 0, 0])
        parameter.gradient = Tensor([0, 300, 400], shape: [3])
        let step = try ClippedStep(of: optimizer)
        try step.apply()
        #expect(step.norm == 500 && parameter.value.scalars == [0, -300, -400])
    }

    /// A parameter with finite gradients, and an optimiser whose next update of it overflows.
    private static func overflowing(_ name: String) throws -> (Parameter, any Optimizer, ExponentialMovingAverage) {
        let set = ParameterSet()
        let parameter = set.scope.parameter("w", shape: [2], initializer: .ones)
        parameter.value = .ones([2])
        set.unfreeze()
        let average = try ExponentialMovingAverage(of: set)
        let adam = try Adam(set.all, learningRate: 1e-2, averages: [average])
        let optimizer: any Optimizer = name == "SGD" ? try SGD(set.all, learningRate: 1e-2, momentum: 0.9) : adam
        parameter.gradient = Tensor([0.5, -2], shape: [2])
        try ClippedStep(of: optimizer).apply()
        switch name {
        case "SGD": optimizer.learningRate = 1e30
        case "Adam, learning rate": optimizer.learningRate = .nan
        default:
            // Finite, and large beside a second moment of 0.
            optimizer.state.tensors["first.w"] = Tensor([0, 3e38], shape: [2])
            optimizer.state.tensors["second.w"] = .zeros([2])
        }
        parameter.gradient = Tensor(name == "SGD" ? [1e10, 1e10] : [1e-10, 1e-10], shape: [2])
        return (parameter, optimizer, average)
    }

    @Test(
        "A finite gradient whose update overflows is refused: weights, moments, averages and the step count stay as they were",
        arguments: ["SGD", "Adam, moments", "Adam, learning rate"])
    func overflow(name: String) throws {
        let (parameter, optimizer, average) = try Self.overflowing(name)
        func bits() -> [[UInt32]] {
            let moments = optimizer.state.tensors.sorted { $0.key < $1.key }.map(\.value)
            return ([parameter.value] + average.parameters.all.map(\.value) + moments).map {
                $0.scalars.map(\.bitPattern)
            }
        }
        let (before, counts) = (bits(), (optimizer.state.stepCount, average.updateCount))
        let step = try ClippedStep(of: optimizer)
        #expect(!step.isCertainlyFinite)
        #expect(throws: NonFiniteUpdate.self) { try step.apply() }
        #expect(throws: NonFiniteUpdate.self) { try optimizer.step() }
        #expect(bits() == before)
        #expect((optimizer.state.stepCount, average.updateCount) == counts)
        #expect(parameter.gradient != nil)
    }

    @Test("A step that is only seen to be finite after it was taken gives the same bits as one that is known to be")
    func checkedAfterwards() throws {
        func results(largest: Float) throws -> (scalars: [Float], isCertain: Bool) {
            let set = ParameterSet()
            for name in ["a", "b"] { set.scope.parameter(name, shape: [1], initializer: .ones).value = .ones([1]) }
            set.unfreeze()
            let average = try ExponentialMovingAverage(of: set)
            let optimizer = try Adam(set.all, learningRate: 1e-2, weightDecay: 0.1, averages: [average])
            var isCertain = true
            for number: Float in [0.5, -0.25, 3] {
                set["a"]?.gradient = Tensor([number], shape: [1])
                set["b"]?.gradient = Tensor([largest], shape: [1])
                let step = try ClippedStep(of: optimizer)
                isCertain = isCertain && step.isCertainlyFinite
                try step.apply()
            }
            let all = [set["a"], average.parameters["a"]].compactMap { $0?.value.item }
            return (all, isCertain)
        }
        let (known, seen) = (try results(largest: 1), try results(largest: 1e18))
        #expect(known.isCertain && !seen.isCertain)
        #expect(known.scalars == seen.scalars)
    }

    @Test("Optimisers, averages and adapters refuse settings out of range, as torch.optim raises a ValueError")
    func settings() throws {
        #expect(
            throws: AutogradError.invalidSetting(
                operation: "Adam", name: "epsilon", expected: "a number above 0 in Float32", found: "0.0")
        ) { try Adam([], learningRate: 1, epsilon: 0) }
        #expect(throws: AutogradError.self) { try Adam([], learningRate: .nan) }
        #expect(throws: AutogradError.self) { try Adam([], learningRate: 1, betas: (0.9, 1)) }
        #expect(throws: AutogradError.self) { try SGD([], learningRate: -1) }
        #expect(throws: AutogradError.self) { try ExponentialMovingAverage(of: ParameterSet(), decay: 2) }
        #expect(throws: AutogradError.self) { try LowRankAdapterSet(rank: 0, alpha: 1) }
        _ = try Adam([], learningRate: 0, betas: (0, 0), weightDecay: 0)
    }
}
