import Synchronization

/// The algorithm for 3 × 3 convolutions of stride 1: a process-wide setting.
public enum ConvolutionAlgorithm: Int, Sendable, CaseIterable {
    /// Winograd's F(4×4, 3×3) where it is faster: a quarter of the multiplications, and a rounding error of about 7e-6 of the
    /// result's standard deviation instead of 5e-7. With 2× nearest upsampling fused, a sixth of the multiplications and an error
    /// of about 1.5e-5.
    case fastest
    /// The direct sum over all products.
    case direct

    private static let setting = Atomic<Int>(ConvolutionAlgorithm.fastest.rawValue)

    /// The algorithm that convolutions use.
    public static var current: ConvolutionAlgorithm {
        get { ConvolutionAlgorithm(rawValue: setting.load(ordering: .relaxed)) ?? .fastest }
        set { setting.store(newValue.rawValue, ordering: .relaxed) }
    }
}
