import Autograd
import Tensor
import Testing

/// Pieces of a graph that are walked by themselves: recomputed ones, and parts of a batch side by side.
@Suite("Pieces of a graph")
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
        // The second layer is met twice, so its gradient has two contributions.
        layers.1(layers.0(x).activated(.silu) * y) + layers.1(y)
    }

    /// All gradients: of both inputs, then of the parameters.
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

    @Test("Parts of a batch give the gradients of the whole", arguments: [1, 2, 3, 7])
    func parts(count: Int) throws {
        let whole = try gradients { body($0, $1) }
        let inParts = try gradients { x, y in
            dataParallel([x, y], parts: count) { rows, inputs in
                #expect(inputs[0].shape[0] == rows.count)
                return body(inputs[0], inputs[1])
            }
        }
        expectSame(inParts, as: whole)
        let again = try gradients { x, y in dataParallel([x, y], parts: count) { body($1[0], $1[1]) } }
        #expect(again.gradients.map(\.scalars) == inParts.gradients.map(\.scalars))
    }

    @Test("Recomputed pieces inside parts too, with gradients from an earlier pass kept")
    func nested() throws {
        let whole = try gradients { body($0, $1) }
        let nested = try gradients { x, y in
            // A pass before, whose gradients stay.
            body(Variable(input), Variable(other)).backward(from: -seed)
            return dataParallel([x, y], parts: 2) { _, inputs in recomputed(inputs) { body($0[0], $0[1]) } }
        }
        expectSame(
            (nested.value, Array(nested.gradients.prefix(2))), as: (whole.value, Array(whole.gradients.prefix(2))))
        for gradient in nested.gradients.dropFirst(2) {
            // What was added with −seed and with seed.
            #expect(gradient.absolute().maximum() <= 4e-6)
        }
    }

    @Test("An input that needs no gradient gets none, and frozen parts record nothing")
    func constants() throws {
        let x = Variable.trainable(input)
        let output = dataParallel([x, Variable(other)], parts: 2) { body($1[0], $1[1]) }
        output.backward(from: seed)
        #expect(x.gradient != nil)
        parameters.freeze()
        #expect(!dataParallel([Variable(input), Variable(other)], parts: 2) { body($1[0], $1[1]) }.requiresGradient)
        #expect(!recomputed([Variable(input), Variable(other)]) { body($0[0], $0[1]) }.requiresGradient)
    }
}
