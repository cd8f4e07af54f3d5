import CTensorKernels

extension ScalarType {
    /// Writes `count` numbers stored in this type, which is Float32, Float16 or BFloat16, as Float32.
    func widen(_ source: UnsafeRawPointer, count: Int, into target: UnsafeMutablePointer<Float>) {
        switch self {
        case .float16: kernels.widen_half(count, source.assumingMemoryBound(to: UInt16.self), target)
        case .bfloat16: kernels.widen_brain(count, source.assumingMemoryBound(to: UInt16.self), target)
        case .float32: target.update(from: source.assumingMemoryBound(to: Float.self), count: count)
        default: fatalError("widen: expected Float32, Float16 or BFloat16, found \(rawValue)")
        }
    }
}
