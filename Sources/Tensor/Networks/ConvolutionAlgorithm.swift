import Synchronization

/// How convolutions of 3 × 3 taps and stride 1 are computed: a process-wide setting.
public enum ConvolutionAlgorithm: Int, Sendable, CaseIterable {
    /// Winograd's F(4×4, 3×3) where it is faster: a quarter of the multiplications, and a rounding error of about 7e-6 of the
    /// result's deviation instead of 5e-7. After twofold upsampling it is a sixth, and the error about 1.5e-5.
    case fastest
    /// Every product of the definition.
    case direct

    private static let setting = Atomic<Int>(ConvolutionAlgorithm.fastest.rawValue)

    /// What convolutions use from now on.
    public static var current: ConvolutionAlgorithm {
        get { ConvolutionAlgorithm(rawValue: setting.load(ordering: .relaxed)) ?? .fastest }
        set { setting.store(newValue.rawValue, ordering: .relaxed) }
    }
}
