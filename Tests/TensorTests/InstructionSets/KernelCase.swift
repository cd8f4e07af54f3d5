import CTensorKernels
import Testing

/// One use of a kernel on fixed inputs, which computes its results with any instruction set's table.
struct KernelCase: CustomTestStringConvertible, Sendable {
    let name: String
    /// The largest difference between two instruction sets, relative to the largest result.
    let bound: Double
    let results: @Sendable (tensor_kernels) -> [Double]

    init(_ name: String, within bound: Double, _ results: @escaping @Sendable (tensor_kernels) -> [Double]) {
        (self.name, self.bound, self.results) = (name, bound, results)
    }

    init(_ name: String, within bound: Double, _ results: @escaping @Sendable (tensor_kernels) -> [Float]) {
        self.init(name, within: bound) { results($0).map(Double.init) }
    }

    var testDescription: String { name }

    /// A multiplication and an addition round once if fused and twice if not: some units in the last place of 6e-8, more if a
    /// polynomial follows.
    static let elementwise = 5e-7
    /// Sums of several hundred products, in an order that depends on the vector width.
    static let products = 1e-6
    /// The same in Double, in a fixed order.
    static let sums = 1e-14
    /// Nothing is rounded.
    static let exact = 0.0

    static let all = elementwiseCases + reductions + normalizations + matrixProducts + winograd + attention
}

/// Pseudo-random numbers in −1…1, the same on every run.
func numbers(_ count: Int, seed: UInt64) -> [Float] { Reference.numbers([count], seed: seed).scalars }

/// As many zeros, for a kernel to write.
func zeros(_ count: Int) -> [Float] { [Float](repeating: 0, count: count) }
