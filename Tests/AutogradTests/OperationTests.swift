import Autograd
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@Suite("Operations", .highestPrecision)
struct OperationTests {
    private static let golden: [String: Tensor] = (try? Fixtures.tensors("operations/operations.safetensors")) ?? [:]

    private func golden(_ name: String) throws -> Tensor {
        try #require(Self.golden[name], "\(name) is not in the golden file")
    }

    private func inputs(_ operation: OperationCase) throws -> [Tensor] {
        try (0..<operation.inputs).map { try golden("\(operation.name).in\($0)") }
    }

    /// max |found − expected| over the largest |expected|.
    private func error(_ found: Tensor, _ expected: Tensor) -> Double {
        guard found.shape == expected.shape, found.nonFiniteCount() == 0 else { return .infinity }
        return Double((found - expected).absolute().maximum() / max(expected.absolute().maximum(), 1e-30))
    }

    @Test("Values and gradients agree with PyTorch's Float64 results to 1e-5", arguments: OperationCase.all)
    func parity(operation: OperationCase) throws {
        let leaves = try inputs(operation).map { Variable.trainable($0) }
        let output = operation(leaves)
        #expect(error(output.value, try golden("\(operation.name).out")) <= 1e-5)
        output.backward(from: try golden("\(operation.name).weight"))
        for (index, leaf) in leaves.enumerated() {
            let gradient = try #require(leaf.gradient)
            #expect(error(gradient, try golden("\(operation.name).grad\(index)")) <= 1e-5, "input \(index)")
        }
    }

    /// The Float32 error limit of each operation: the rounding of its outputs divided by the step of 0.02, relative to the gradient's
    /// norm; twice the measured error.
    private static let differenceLimits: [String: Double] = [
        "absolute": 2e-5, "add": 2e-5, "attention": 6e-5, "averagePooled": 3e-5, "broadcast": 3e-6, "clamped": 10e-6,
        "concatenate": 10e-6, "conv2d": 4e-5, "cosine": 3e-5, "divide": 9e-6, "exp": 7e-6, "gathered": 10e-6,
        "geglu": 2e-5, "gelu": 6e-5, "groupNorm": 2e-5, "layerNorm": 2e-5, "linear": 3e-5, "log": 2e-5, "matmul": 3e-5,
        "mean": 9e-6, "meanAlong": 4e-6, "meanSquaredError": 3e-5, "multiply": 2e-5, "negate": 7e-5, "quickGELU": 9e-5,
        "reciprocal": 3e-5, "relu": 5e-6, "reshaped": 2e-5, "sigmoid": 4e-5, "silu": 2e-4, "sine": 3e-5, "sliced": 2e-5,
        "softmax": 10e-5, "squareRoot": 2e-5, "squared": 5e-5, "subtract": 2e-5, "sum": 3e-5, "sumAlong": 3e-5,
        "tanh": 5e-5, "transposed": 5e-6, "upsampledNearest": 2e-5, "wideConv2d": 2e-4,
        "batchNorm": 4e-5, "binaryCrossEntropy": 2e-4, "conv1d": 2e-5, "crossEntropy": 2e-4, "elu": 2e-5,
        "groupedConv2d": 2e-5,
        "huberError": 6e-5, "leakyReLU": 2e-5, "logSoftmax": 6e-5, "maxPooled": 2e-5, "maximum": 6e-5,
        "meanAbsoluteError": 2e-5, "minimum": 2e-5, "mish": 4e-5, "padded": 6e-6, "raised": 2e-5, "raisedTo": 4e-5,
        "replacing": 2e-6, "resampledBilinear": 2e-5, "rmsNorm": 10e-6, "stack": 6e-6, "transposedConv2d": 2e-5,
    ]

    @Test("Gradients agree with finite differences", arguments: OperationCase.all)
    func differences(operation: OperationCase) throws {
        let report = GradientCheck().run(at: try inputs(operation), seed: 5) { operation($0) }
        let limit = try #require(Self.differenceLimits[operation.operation])
        #expect(report.worstError <= limit, "\(report)")
    }

    @Test("A frozen graph records nothing")
    func frozen() throws {
        for operation in OperationCase.all {
            #expect(!operation(try inputs(operation).map { Variable($0) }).requiresGradient)
        }
    }

    @Test("GradientCheck detects a wrong backward rule")
    func wrongRule() {
        let report = GradientCheck().run(at: [Tensor([0.3, -0.8, 1.4], shape: [3])]) { x in
            // x², with the gradient through one factor missing.
            x[0] * x[0].detached()
        }
        #expect(report.worstError > 0.1)
    }

    @Test("Recomputed blocks have the same gradients as stored ones, also when an input is used twice")
    func recomputation() throws {
        var stream = RandomStream(seed: 8)
        let (x, w) = (stream.normal([4, 6]), stream.normal([6, 6]))
        func gradients(_ isRecomputed: Bool) throws -> [Tensor] {
            let (input, weight) = (Variable.trainable(x), Variable.trainable(w))
            @Sendable func block(_ v: [Variable]) -> Variable { v[0].linear(weight: weight, bias: nil).silu() + v[0] }
            let hidden = isRecomputed ? recomputed([input], block) : block([input])
            (hidden * hidden + input).sum().backward()
            return try [input, weight].map { try #require($0.gradient) }
        }
        // The contributions of the two uses are added in another order.
        for (recomputed, kept) in zip(try gradients(true), try gradients(false)) {
            #expect(relativeError(recomputed, kept) <= 1e-6)
        }
    }

    @Test("The backward pass through 100,000 chained operations does not overflow the stack")
    func longChain() throws {
        let x = Variable.trainable(Tensor([1], shape: [1]))
        var y = x
        for _ in 0..<100_000 { y = y + 1 }
        y.backward()
        #expect(try #require(x.gradient).item == 1)
    }
}
