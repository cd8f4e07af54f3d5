import Autograd
import SwiftBrushRuntime
import Tensor
import Testing

@Suite("Process groups")
struct ProcessGroupTests {
    /// Two processes of which the second always has the gradient 4 for each parameter's elements.
    private struct Pair: ProcessGroup {
        let rank = 0
        let count = 2

        func sum(_ tensors: [Tensor]) -> [Tensor] { tensors.map { $0 + 4 } }
        func broadcast(_ tensors: [Tensor]) -> [Tensor] { tensors }
    }

    private let parameters = ParameterSet()

    private func optimizer() throws -> SGD {
        for name in ["a", "b"] { _ = parameters.scope.parameter(name, shape: [1], initializer: .zeros) }
        var stream = RandomStream(seed: 0)
        parameters.initialize(using: &stream)
        parameters.unfreeze()
        return try SGD(parameters.all, learningRate: 1)
    }

    @Test("Gradients are averaged over the processes before they are clipped, also where this process has none")
    func averages() throws {
        let optimizer = try optimizer()
        parameters.all[0].gradient = Tensor([2], shape: [1])
        let step = try ClippedStep(of: optimizer, limit: 100, "the gradient", step: 1, in: Pair())
        try step.apply()
        #expect(parameters.all.map { $0.value.item } == [-3, -2])
        #expect(step.norm == 13.0.squareRoot())
    }

    @Test("One process steps with its own gradients")
    func single() throws {
        let optimizer = try optimizer()
        parameters.all[0].gradient = Tensor([2], shape: [1])
        try ClippedStep(of: optimizer, limit: 100, "the gradient", step: 1).apply()
        #expect(parameters.all.map { $0.value.item } == [-2, 0])
    }

    @Test("A non-finite gradient of another process stops the step")
    func nonFinite() throws {
        struct Broken: ProcessGroup {
            let rank = 0
            let count = 2
            func sum(_ tensors: [Tensor]) -> [Tensor] { tensors.map { $0 * .nan } }
            func broadcast(_ tensors: [Tensor]) -> [Tensor] { tensors }
        }
        let optimizer = try optimizer()
        #expect(throws: RunError.nonFinite(step: 7, tensor: "the gradient", count: 2)) {
            try ClippedStep(of: optimizer, limit: 100, "the gradient", step: 7, in: Broken())
        }
    }
}
