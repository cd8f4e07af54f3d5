import Tensor

/// What the processor does at best, as far as a program without kernels of its own can tell.
enum Peak {
    /// Float32 operations a second, two a multiplication, of a square matrix product on all threads: the best of twenty.
    static func operationsPerSecond() -> Double {
        let size = 1536
        var stream = RandomStream(seed: 0)
        let (a, b) = (stream.normal([size, size]), stream.normal([size, size]))
        let shortest = (0..<20).map { _ in ContinuousClock().measure { _ = a.matmul(b) } }.min() ?? .zero
        return 2 * Double(size * size * size) / (shortest / .seconds(1))
    }
}
