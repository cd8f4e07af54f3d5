import Tensor

/// The processor's peak rate, as far as the library's own matrix product reaches it.
enum Peak {
    /// Float32 operations per second, two per multiplication, of a square matrix product on all threads: the best of twenty runs.
    static func operationsPerSecond() -> Double {
        let size = 1536
        var stream = RandomStream(seed: 0)
        let (a, b) = (stream.normal([size, size]), stream.normal([size, size]))
        let shortest = (0..<20).map { _ in ContinuousClock().measure { _ = a.matmul(b) } }.min() ?? .zero
        return 2 * Double(size * size * size) / (shortest / .seconds(1))
    }
}
