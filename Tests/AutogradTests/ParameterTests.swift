import Autograd
import SwiftBrushTestTraits
import Tensor
import Testing

@Suite("Parameters", .highestPrecision)
struct ParameterTests {
    private func network(_ scope: ParameterScope) -> (Conv2d, Linear) {
        (
            Conv2d(inputs: 2, outputs: 3, kernelSize: 3, padding: .init(1), in: scope["conv"]),
            Linear(inputs: 3, outputs: 4, in: scope["layers"][0]["to_q"])
        )
    }

    @Test("Parameter paths are checkpoint keys, and kernels have PyTorch's layout [out, in, height, width]")
    func layout() throws {
        let set = ParameterSet()
        _ = network(set.scope)
        #expect(set.paths == ["conv.weight", "conv.bias", "layers.0.to_q.weight", "layers.0.to_q.bias"])
        var stream = RandomStream(seed: 1)
        set.initialize(using: &stream)
        let saved = Dictionary(uniqueKeysWithValues: set.checkpointTensors().map { ($0.name, $0.tensor) })
        #expect(saved["conv.weight"]?.shape == [3, 2, 3, 3])
        let other = ParameterSet()
        _ = network(other.scope)
        try other.load(saved)
        #expect(other.all.map(\.value.scalars) == set.all.map(\.value.scalars))
    }

    @Test("A failed load lists every mismatched key and changes nothing")
    func strictLoading() throws {
        let set = ParameterSet()
        _ = network(set.scope)
        let tensors: [String: Tensor] = [
            "conv.weight": .zeros([3, 3, 2, 3]), "conv.bias": .zeros([3]), "stranger": Tensor(0), "old.key": Tensor(0),
            "layers.0.to_q.bias": .zeros([4]),
        ]
        do {
            try set.load(tensors) { $0 == "old.key" }
            Issue.record("no error")
        } catch let error as ParameterLoadingError {
            #expect(error.missing == ["layers.0.to_q.weight"])
            #expect(error.unexpected == ["stranger"])
            #expect(error.mismatched.map(\.name) == ["conv.weight"])
            #expect(error.mismatched.first?.expected == [3, 2, 3, 3])
            #expect(error.mismatched.first?.found == [3, 3, 2, 3])
        }
        #expect(set.all.allSatisfy { !$0.isInitialized })
    }

    @Test("Copied parameter sets share nothing, and frozen parameters get no gradient")
    func copies() throws {
        let set = ParameterSet()
        let layer = Linear(inputs: 2, outputs: 2, in: set.scope)
        var stream = RandomStream(seed: 2)
        set.initialize(using: &stream)
        let copy = set.copy(trainable: true)
        let second = Linear(inputs: 2, outputs: 2, in: copy.scope)
        let x = Variable(stream.normal([3, 2]))
        (layer(x) + second(x)).sum().backward()
        #expect(set.all.allSatisfy { $0.gradient == nil })
        #expect(copy.all.allSatisfy { $0.gradient != nil })
        copy.all[0].value = .zeros([2, 2])
        #expect(set.all[0].value.squaredNorm() > 0)
        copy.zeroGradients()
        #expect(copy.all.allSatisfy { $0.gradient == nil })
    }

    @Test("An adapter shares the base weights, starts at zero and adds scale · B A x")
    func adapters() throws {
        let set = ParameterSet()
        let plain = network(set.scope).1
        var stream = RandomStream(seed: 3)
        set.initialize(using: &stream)
        let adapters = try LowRankAdapterSet(rank: 2, alpha: 3)
        let adapted = network(set.scope(adapters: adapters)).1
        #expect(set.paths.count == 4)
        let (a, b) = ("layers.0.to_q.lora_A.weight", "layers.0.to_q.lora_B.weight")
        #expect(adapters.parameters.paths == [a, b])
        adapters.parameters.initialize(using: &stream)
        let x = stream.normal([5, 3])
        #expect(adapted(Variable(x)).value.scalars == plain(Variable(x)).value.scalars)

        let up = stream.normal([4, 2])
        try #require(adapters.parameters[b]).value = up
        let down = try #require(adapters.parameters[a]).value
        let expected = plain(Variable(x)).value + x.linear(weight: down, bias: nil).linear(weight: up, bias: nil) * 1.5
        let difference = (adapted(Variable(x)).value - expected).absolute().maximum()
        #expect(difference <= 1e-6)
    }
}
