import Autograd
import Tensor
import Testing

/// Subgraphs with their own backward pass: recomputed blocks, and parts of a batch in parallel.
@Suite("Recomputation and data parallelism")
struct GraphPartsTests {
    private let input: Tensor
    private let other: Tensor
    private let seed: Tensor
    private let parameters: ParameterSet
    private let layers: (Linear, Linear)

    init() {
        var stream = RandomStream(seed: 3)
        (input, other, seed) = (stream.normal([7, 5]), stream.normal([7, 6]), stream.normal([7, 4]))
        let set = ParameterSet()
        layers = (
            Linear(inputs: 5, outputs: 6, in: set.scope["first"]),
            Linear(inputs: 6, outputs: 4, in: set.scope["second"])
        )
        set.initialize(using: &stream)
        set.unfreeze()
        parameters = set
    }

    private func body(_ x: Variable, _ y: Variable) -> Variable {
        // The second layer is used twice, so its gradient has two contributions.
        layers.1(layers.0(x).activated(.silu) * y) + layers.1(y)
    }

    /// The output and all gradients: those of both inputs, then those of the parameters.
    private func gradients(of run: (Variable, Variable) -> Variable) throws -> (value: Tensor, gradients: [Tensor]) {
        parameters.zeroGradients()
        let (x, y) = (Variable.trainable(input), Variable.trainable(other))
        let output = run(x, y)
        output.backward(from: seed)
        let all = [x.gradient, y.gradient] + parameters.all.map(\.gradient)
        return (output.value, try all.map { try #require($0) })
    }

    private func expectSame(
        _ found: (value: Tensor, gradients: [Tensor]), as whole: (value: Tensor, gradients: [Tensor])
    ) {
        #expect((found.value - whole.value).absolute().maximum() <= 1e-6)
        for (gradient, expected) in zip(found.gradients, whole.gradients) {
            // Sums over the batch are added in another order.
            #expect((gradient - expected).absolute().maximum() <= 2e-6 * max(1, expected.absolute().maximum()))
        }
    }

    @Test("dataParallel gives the gradients of the whole batch, reproducibly", arguments: [1, 2, 3, 7])
    func shards(count: Int) throws {
        let whole = try gradients { body($0, $1) }
        let inShards = try gradients { x, y in
            dataParallel([x, y], shards: count) { rows, inputs in
                #expect(inputs[0].shape[0] == rows.count)
                return [body(inputs[0], inputs[1])]
            }[0]
        }
        expectSame(inShards, as: whole)
        let again = try gradients { x, y in dataParallel([x, y], shards: count) { [body($1[0], $1[1])] }[0] }
        #expect(again.gradients.map(\.scalars) == inShards.gradients.map(\.scalars))
    }

    @Test("dataParallel joins each of several outputs, and their gradients add", arguments: [1, 3])
    func severalOutputs(count: Int) throws {
        let whole = try gradients { body($0, $1) }
        let found = try gradients { x, y in
            let outputs = dataParallel([x, y], shards: count) { _, inputs in
                let output = body(inputs[0], inputs[1])
                return [
                    output * 0.25, output.reshaped(to: [output.shape[0], output.value.count / output.shape[0]]) * 0.75,
                ]
            }
            #expect(outputs.count == 2 && outputs[1].shape.count == 2)
            return outputs[0] + outputs[1].reshaped(to: outputs[0].shape)
        }
        expectSame(found, as: whole)
    }

    @Test("Recomputation inside dataParallel gives the same gradients and adds to those of an earlier pass")
    func nested() throws {
        let whole = try gradients { body($0, $1) }
        let nested = try gradients { x, y in
            // An earlier pass, whose gradients are kept.
            body(Variable(input), Variable(other)).backward(from: -seed)
            return dataParallel([x, y], shards: 2) { _, inputs in [recomputed(inputs) { body($0[0], $0[1]) }] }[0]
        }
        expectSame(
            (nested.value, Array(nested.gradients.prefix(2))), as: (whole.value, Array(whole.gradients.prefix(2))))
        for gradient in nested.gradients.dropFirst(2) {
            // The contributions of −seed and seed cancel.
            #expect(gradient.absolute().maximum() <= 4e-6)
        }
    }

    @Test("A constant input gets no gradient, and frozen subgraphs record nothing")
    func constants() throws {
        let x = Variable.trainable(input)
        let output = dataParallel([x, Variable(other)], shards: 2) { [body($1[0], $1[1])] }[0]
        output.backward(from: seed)
        #expect(x.gradient != nil)
        parameters.freeze()
        #expect(
            !dataParallel([Variable(input), Variable(other)], shards: 2) { [body($1[0], $1[1])] }[0].requiresGradient)
        #expect(!recomputed([Variable(input), Variable(other)]) { body($0[0], $0[1]) }.requiresGradient)
    }
}
