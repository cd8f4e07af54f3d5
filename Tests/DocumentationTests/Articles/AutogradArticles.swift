import Autograd
import Foundation
import Tensor
import Testing

/// The code of the articles of Autograd, block by block; `ArticleTests` compares it with the articles.
@Suite("Articles of Autograd")
struct AutogradArticles {
    struct GatedBlock: Sendable {
        private let norm: LayerNorm
        private let gate: Linear
        private let output: Linear

        init(width: Int, in scope: ParameterScope) {
            norm = LayerNorm(width: width, in: scope["norm"])
            gate = Linear(inputs: width, outputs: 2 * width, in: scope["gate"])
            output = Linear(inputs: width, outputs: width, in: scope["output"])
        }

        func callAsFunction(_ x: Variable) -> Variable {
            let parts = gate(norm(x)).split([x.shape[1], x.shape[1]], axis: 1)
            return output(parts[0] * parts[1].sigmoid(), adding: x)
        }
    }

    struct Scorer: Parameterized {
        let parameters: ParameterSet
        private let block: GatedBlock
        private let head: Linear

        init(in scope: ParameterScope) {
            parameters = scope.parameters
            block = GatedBlock(width: 8, in: scope["block"])
            head = Linear(inputs: 8, outputs: 1, in: scope["head"])
        }

        func over(_ scope: ParameterScope) -> Scorer { Scorer(in: scope) }

        func callAsFunction(_ x: Variable) -> Variable { head(block(x)) }
    }

    @Test("The overview")
    func overview() {
        let x: Tensor = [1, 2]
        let (value, gradients) = valueAndGradient(at: [x]) { ($0[0] * $0[0]).sum() }
        #expect(value.item == 5 && gradients == [[2, 4]])
    }

    @Test("Custom layers and operations")
    func layers() throws {
        let parameters = ParameterSet()
        let block = GatedBlock(width: 8, in: parameters.scope)
        var stream = RandomStream(seed: 0)
        parameters.initialize(using: &stream)
        parameters.unfreeze()

        let optimizer = try Adam(parameters.all, learningRate: 1e-2)
        let (input, target) = (Variable(stream.normal([32, 8])), Variable(stream.normal([32, 8])))
        for _ in 0..<20 {
            let loss = block(input).meanSquaredError(target)
            loss.backward()
            let step = try ClippedStep(of: optimizer, limit: 1)
            try step.apply()
            print(loss.value.item, step.norm)
        }
        let output = recomputed([input]) { block($0[0]) }
        #expect(output.value == block(input).value)

        let report = GradientCheck().run(at: [stream.normal([3, 5])]) { cube($0[0]) }
        print(report.worstError)  // below 1e-3
        #expect(report.worstError < 1e-3)
    }

    @Test("A network that can be copied")
    func copies() {
        let scorer = Scorer(in: ParameterSet().scope)
        var stream = RandomStream(seed: 0)
        scorer.parameters.initialize(using: &stream)
        let copy = scorer.copy(trainable: true)
        copy.parameters["head.bias"]?.value += 1
        let x = Variable(stream.normal([4, 8]))
        #expect((copy(x).value - scorer(x).value - 1).absolute().maximum() < 1e-5)
        #expect(scorer.readOnly().parameters.isReadOnly)
    }

    @Test("Coming from PyTorch")
    func weights() throws {
        let folder = TemporaryFolder()
        let url = folder.file("model.safetensors")
        let x = Tensor.ones([1, 4])
        try Safetensors.write(
            [
                ("layers.0.weight", .ones([16, 4])), ("layers.0.bias", .zeros([16])),
                ("layers.2.weight", .ones([2, 16])), ("layers.2.bias", .ones([2])),
            ], to: url)
        let network = ParameterSet()
        let hidden = Linear(inputs: 4, outputs: 16, in: network.scope["layers"][0])
        let output = Linear(inputs: 16, outputs: 2, in: network.scope["layers"][2])
        try network.load(SafetensorsFile(contentsOf: url))
        let result = output(hidden(Variable(x)).relu())
        #expect(result.value.scalars == [65, 65])

        let other = folder.file("other.safetensors")
        try Safetensors.write(
            network.checkpointTensors().map {
                (name: $0.name.replacingOccurrences(of: "layers.", with: "fc"), tensor: $0.tensor)
            }, to: other)
        try loadRenamed(into: network, other)
    }

    private func loadRenamed(into network: ParameterSet, _ url: URL) throws {
        let file = try SafetensorsFile(contentsOf: url)
        var renamed: [String: Tensor] = [:]
        for name in file.names {
            renamed[name.replacingOccurrences(of: "fc", with: "layers.")] = try file.tensor(name)
        }
        try network.load(renamed)
    }

    @Test("Optimising parameters")
    func optimizers() throws {
        let parameters = ParameterSet()
        let block = GatedBlock(width: 8, in: parameters.scope)
        var stream = RandomStream(seed: 0)
        parameters.initialize(using: &stream)
        parameters.unfreeze()
        let (input, target) = (Variable(stream.normal([32, 8])), Variable(stream.normal([32, 8])))

        let schedule = LearningRateSchedule.cosine(warmUp: 10, total: 100)
        let optimizer = try Adam(parameters.all, learningRate: 1e-3, weightDecay: 0.01)
        for step in 0..<3 {
            optimizer.learningRate = 1e-3 * schedule.factor(at: step)
            block(input).meanSquaredError(target).backward()
            try ClippedStep(of: optimizer, limit: 1).apply()
        }

        let grouped = try Adam(
            parameters.all, learningRate: 1e-3, weightDecay: 0.01,
            groups: [
                ParameterGroup(parameters.all.filter { $0.shape.count == 1 }, weightDecay: 0),
                ParameterGroup(
                    parameters.all.filter { $0.path.hasPrefix("gate") && $0.shape.count > 1 }, learningRateScale: 0.1),
            ])
        #expect(grouped.parameters.count == parameters.all.count)

        let average = try ExponentialMovingAverage(of: parameters, decay: 0.999)
        let averaging = try Adam(parameters.all, learningRate: 1e-3, averages: [average])
        let averagedBlock = GatedBlock(width: 8, in: average.parameters.scope)
        try averaging.step()
        #expect(averagedBlock(input).value == block(input).value)

        let state = optimizer.state
        let resumed = try Adam(parameters.all, learningRate: 1e-3, weightDecay: 0.01)
        resumed.state = state
        #expect(resumed.state.stepCount == 3)

        for parameter in parameters.all where !parameter.path.hasPrefix("output") { parameter.isTrainable = false }
        let last = try SGD(parameters.all.filter(\.isTrainable), learningRate: 0.1, momentum: 0.9)
        #expect(last.parameters.map(\.path) == ["output.weight", "output.bias"])
    }
}
