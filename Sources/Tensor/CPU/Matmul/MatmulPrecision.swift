import CTensorKernels
import Synchronization

/// The precision of matrix products and of what is made of them: linear layers, convolutions, attention, and their gradients. The names are those of
/// PyTorch's `set_float32_matmul_precision`.
///
/// Numbers stay Float32 in memory, and sums are Float32. A lower precision rounds the factors, which is faster where the processor has
/// matrix tiles for BFloat16 (Intel's AMX) or, for ``medium`` alone, multiplies pairs of BFloat16 numbers faster than Float32 (AVX512-BF16 on
/// AMD's). Elsewhere a precision is computed in Float32, see ``isFloat32``. Where 3 × 3 convolutions are faster by Winograd's algorithm, they
/// stay Float32.
///
/// ```swift
/// MatmulPrecision.current = .medium                         // for the process
/// let y = MatmulPrecision.highest.within { x.matmul(w) }    // for one computation, and for its gradients
/// ```
public enum MatmulPrecision: String, CaseIterable, Sendable, Codable {
    /// Float32.
    case highest
    /// Each factor is the sum of two BFloat16 numbers, and three of their four products are added: the errors are about 5e-6 of the result's
    /// standard deviation, so that networks agree with PyTorch's Float32 to 1e-4. The default.
    case high
    /// Each factor is rounded to BFloat16, as in PyTorch under autocast and in OpenVINO by default on such processors: the errors are about
    /// 3e-3 of the result's standard deviation.
    case medium

    private static let setting = Atomic<Int>(1)
    @TaskLocal private static var scoped: MatmulPrecision?

    /// The precision in use: that of the innermost `within(_:)`, else the process-wide one, which setting it changes.
    public static var current: MatmulPrecision {
        get { scoped ?? allCases[setting.load(ordering: .relaxed)] }
        set { setting.store(allCases.firstIndex(of: newValue) ?? 1, ordering: .relaxed) }
    }

    /// Runs a computation at this precision. Gradients of operations that it records are computed at this precision too.
    public func within<Result>(_ body: () throws -> Result) rethrows -> Result {
        Self.current == self ? try body() : try Self.$scoped.withValue(self, operation: body)
    }

    /// Runs a computation of a task, and the tasks that it starts, at this precision.
    nonisolated(nonsending) public func within<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await Self.$scoped.withValue(self, operation: body)
    }

    /// Whether this precision is computed in Float32 on this processor, because it has nothing faster.
    public var isFloat32: Bool { !product.usesTiles }

    /// The name, and whether it is computed in Float32, for reports.
    public var summary: String { self == .highest || !isFloat32 ? rawValue : "\(rawValue) (Float32 on this processor)" }

    /// The products at this precision.
    var product: MatrixProduct {
        switch self {
        case .highest: .highest
        case .high: .high
        case .medium: .medium
        }
    }
}
