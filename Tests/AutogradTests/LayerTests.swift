import Autograd
import SwiftBrushTestFixtures
import Tensor
import Testing

@Suite("Layers")
struct LayerTests {
    private let set = ParameterSet()
    private var stream = RandomStream(seed: 0)

    @Test("Batch normalisation averages means and unbiased variances in training, and uses the averages outside")
    func batchNorm() {
        var stream = stream
        let layer = BatchNorm(channels: 2, in: set.scope)
        set.initialize(using: &stream)
        let x = Tensor([1, 10, 2, 20, 6, 60], shape: [3, 2])
        _ = layer(Variable(x), isTraining: true)
        // Means 3 and 30; variances with n − 1: 7 and 700.
        #expect(relativeError(layer.runningMean.value, [0.3, 3]) < 1e-6)
        #expect(relativeError(layer.runningVariance.value, [0.9 + 0.7, 0.9 + 70]) < 1e-6)
        let found = layer(Variable(x), isTraining: false).value
        let expected = (x - [0.3, 3]) / (Tensor([1.6, 70.9], shape: [2]) + 1e-5).squareRoot()
        #expect(relativeError(found, expected) < 1e-6)
        #expect(set.paths == ["weight", "bias", "running_mean", "running_var"])
    }

    @Test("Attention to a context is that of its projections, and has transformers' keys")
    func attention() {
        var stream = stream
        let layer = MultiHeadAttention(width: 6, heads: 2, contextWidth: 4, hasBias: false, in: set.scope)
        set.initialize(using: &stream)
        let (x, context) = (Variable(stream.normal([2, 3, 6])), Variable(stream.normal([2, 5, 4])))
        func linear(_ x: Variable, _ name: String) -> Variable {
            x.linear(weight: set["\(name).weight"]?.variable ?? x, bias: nil)
        }
        let attended = linear(x, "q_proj").attention(
            keys: linear(context, "k_proj"), values: linear(context, "v_proj"), heads: 2)
        #expect(layer(x, context: context).value == linear(attended, "out_proj").value)
        #expect(layer(x, context: context).shape == [2, 3, 6])
    }

    @Test("A sequence applies its layers in order")
    func sequential() {
        let layers = Sequential({ $0 + 1 }, { $0 * 2 }, { $0 - 3 })
        #expect(layers(Variable([1, 2])).value == [1, 3])
        #expect(Sequential()(Variable([5])).value == [5])
    }
}
