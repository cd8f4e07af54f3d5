import Autograd
import SwiftBrushTestFixtures
import Tensor
import Testing

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

    private func make(_ name: String, _ set: ParameterSet) -> any Optimizer {
        switch name {
        case "adam": Adam(set.all, learningRate: 1e-2)
        case "adamw": Adam(set.all, learningRate: 1e-2, betas: (0.8, 0.99), epsilon: 1e-6, weightDecay: 0.1)
        case "momentum": SGD(set.all, learningRate: 1e-2, momentum: 0.9)
        default: SGD(set.all, learningRate: 1e-2)
        }
    }

    private func take(_ step: Int, _ optimizer: any Optimizer) throws -> Double {
        for parameter in optimizer.parameters {
            let gradient = try #require(golden["gradient.\(step).\(parameter.path)"])
            parameter.gradient = gradient
        }
        let step = try ClippedStep(of: optimizer, limit: 1)
        step.apply()
        #expect(optimizer.parameters.allSatisfy { $0.gradient == nil })
        return step.norm
    }

    @Test("Five clipped steps agree with torch.optim", arguments: ["adam", "adamw", "sgd", "momentum"])
    func agreement(name: String) throws {
        let set = try parameters()
        let optimizer = make(name, set)
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
        case "adamw": Adam(set.all, learningRate: 1e-2, weightDecay: 0.1, groups: groups)
        case "momentum": SGD(set.all, learningRate: 1e-2, momentum: 0.9, weightDecay: 0.1, groups: groups)
        default: SGD(set.all, learningRate: 1e-2, weightDecay: 0.1, groups: groups)
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
            (try makeGrouped("adamw", first), make("adamw", second)),
            (make("adamw", first), try makeGrouped("adamw", second)),
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
        let (straight, broken) = (make(name, first), make(name, second))
        for step in 0..<3 {
            _ = try take(step, straight)
            _ = try take(step, broken)
        }
        let resumed = make(name, second)
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
        let average = ExponentialMovingAverage(of: set)
        let optimizer = make("adam", set)
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
        let after = ExponentialMovingAverage(of: first)
        let during = ExponentialMovingAverage(of: second)
        let separate = Adam(first.all, learningRate: 0.05, weightDecay: 0.1)
        let fused = Adam(second.all, learningRate: 0.05, weightDecay: 0.1, averages: [during])
        for step in 0..<4 {
            _ = try take(step, separate)
            after.update()
            _ = try take(step, fused)
        }
        separate.zeroGradients()
        fused.zeroGradients()
        separate.step()
        after.update()
        fused.step()
        #expect(during.updateCount == 5)
        for (expected, found) in zip(after.parameters.all, during.parameters.all) {
            // The formula is the same, but the compiler may use fused multiply-adds in only one of the two places.
            #expect(relativeError(found.value, expected.value) <= 1e-6, "\(found.path)")
        }
    }

    @Test("EMA decay: 0 for the first update, then (1 + s)/(10 + s) up to the maximum")
    func decay() {
        let average = ExponentialMovingAverage(of: ParameterSet())
        let expected = [0: 0, 1: 2.0 / 11, 9: 10.0 / 19, 89_989: 89_990.0 / 89_999, 100_000: 0.9999]
        for (updates, decay) in expected {
            average.updateCount = updates
            #expect(abs(average.nextDecay - decay) <= 1e-12)
        }
        #expect(ExponentialMovingAverage(of: ParameterSet(), decay: 0.9, rule: .constant).nextDecay == 0.9)
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
        let optimizer = SGD(set.all, learningRate: 1)
        parameter.gradient = Tensor([.nan, 3, .infinity], shape: [3])
        #expect(throws: NonFiniteGradients(count: 2)) { try ClippedStep(of: optimizer) }
        #expect(parameter.value.scalars == [0, 0, 0])
        parameter.gradient = Tensor([0, 300, 400], shape: [3])
        let step = try ClippedStep(of: optimizer)
        step.apply()
        #expect(step.norm == 500 && parameter.value.scalars == [0, -300, -400])
    }
}
