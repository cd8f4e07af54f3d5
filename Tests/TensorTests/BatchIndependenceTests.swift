import Tensor
import Testing

@Suite("Batch independence")
struct BatchIndependenceTests {
    /// An operation on a batch, by which its result of one sample is compared with that of the sample alone.
    private struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let shape: [Int]
        let operation: @Sendable (Tensor) -> Tensor

        init(_ name: String, _ shape: [Int], _ operation: @escaping @Sendable (Tensor) -> Tensor) {
            (testDescription, self.shape, self.operation) = ("\(name) of \(shape)", shape, operation)
        }
    }

    private static func convolution(
        _ shape: [Int], outputs: Int, kernel size: Int = 3, stride: Int = 1, upsampling: Int = 1
    ) -> Case {
        let kernel = Reference.numbers([outputs, shape[2], size, size], seed: 3)
        let bias = Reference.numbers([outputs], seed: 4)
        return Case("a \(size) × \(size) convolution of stride \(stride) with \(upsampling)× upsampling", shape) {
            $0.conv2d(
                kernel: kernel, bias: bias, stride: stride, padding: ConvolutionPadding(size / 2),
                upsampling: upsampling)
        }
    }

    private static let weights = Reference.numbers([67, 45], seed: 5)
    private static let vectors = (Reference.numbers([48], seed: 6), Reference.numbers([48], seed: 7))
    private static let cases: [Case] = [
        // Deep kernels are summed in parts; few tiles have a product of their own.
        convolution([8, 8, 640], outputs: 40), convolution([16, 16, 520], outputs: 24),
        convolution([4, 4, 700], outputs: 20), convolution([32, 32, 400], outputs: 16),
        convolution([7, 9, 33], outputs: 21),
        convolution([8, 8, 48], outputs: 30, upsampling: 2), convolution([8, 8, 400], outputs: 20, upsampling: 2),
        convolution([16, 16, 200], outputs: 30, stride: 2), convolution([32, 32, 96], outputs: 40, stride: 2),
        convolution([64, 64, 40], outputs: 17, stride: 2), convolution([9, 7, 500], outputs: 12, stride: 2),
        convolution([5, 5, 130], outputs: 11, kernel: 1), convolution([6, 6, 40], outputs: 9, kernel: 5),
        Case("a linear layer", [7, 45]) { $0.linear(weight: weights, bias: nil) },
        Case("a group normalisation", [5, 3, 48]) {
            $0.groupNorm(groups: 6, scale: vectors.0, offset: vectors.1, epsilon: 1e-5)
        },
        Case("a layer normalisation", [5, 48]) { $0.layerNorm(scale: vectors.0, offset: vectors.1, epsilon: 1e-5) },
        Case("attention", [77, 48]) { $0.attention(keys: $0, values: $0, heads: 3, isCausal: true) },
        Case("attention", [9, 48]) { $0.attention(keys: $0, values: $0, heads: 2) },
        Case("silu", [3, 7]) { $0.activated(.silu) }, Case("gelu", [3, 7]) { $0.activated(.gelu) },
        Case("exp", [13]) { $0.exp() }, Case("softmax", [3, 5]) { $0.softmax() },
        Case("geglu", [3, 10]) { $0.geglu() }, Case("a sum of channels", [5, 7, 3]) { $0.sum(alongAxes: [1, 2]) },
        Case("a product", [3, 7]) { $0 * $0 + $0 * 0.3 },
    ]

    @Test("A sample's result does not depend on its batch or the number of threads, bit for bit", arguments: [1, 2, 3])
    func sample(threads: Int) async {
        // In a process of its own, because the number of threads is a setting of the process.
        await #expect(processExitsWith: .success) { [threads = threads as Int] in
            for test in Self.cases {
                let samples = (0..<16).map { Reference.numbers([1] + test.shape, seed: 20 + $0) }
                ThreadPool.threadCount = 1
                let alone = samples.map { test.operation($0).scalars }
                ThreadPool.threadCount = threads
                for count in [1, 2, 3, 5, 8, 16] {
                    let found = test.operation(.concatenate(Array(samples[..<count]), axis: 0))
                    for index in 0..<count {
                        let own = found.sliced(axis: 0, index..<index + 1).scalars
                        #expect(own == alone[index], "\(test.testDescription), sample \(index) of \(count)")
                    }
                }
            }
        }
    }
}
