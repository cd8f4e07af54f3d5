import Tensor

/// How the predicted x₀ is kept in bounds.
enum OriginalLimit: Sendable, Equatable {
    /// `clip_sample`: from minus this to this.
    case range(Double)
    /// `thresholding`: each sample's quantile s of |x₀|, from 1 to a maximum, becomes 1 (Imagen, arXiv 2205.11487).
    case dynamic(quantile: Double, maximum: Double)

    /// x₀ in bounds, `[batch, height, width, channels]`.
    func apply(to original: Tensor) -> Tensor {
        switch self {
        case .range(let bound): return original.clamped(to: -Float(bound)...Float(bound))
        case .dynamic(let quantile, let maximum):
            let samples = (0..<original.shape[0]).map { index in
                let sample = original.sliced(axis: 0, index..<index + 1)
                let bound = Float(min(max(sample.magnitudeQuantile(quantile), 1), maximum))
                return sample.clamped(to: -bound...bound) * (1 / bound)
            }
            return .concatenate(samples, axis: 0)
        }
    }
}

extension Tensor {
    /// A quantile of the magnitudes, interpolated linearly as `torch.quantile` does.
    fileprivate func magnitudeQuantile(_ share: Double) -> Double {
        let sorted = scalars.map { Double(abs($0)) }.sorted()
        let place = share * Double(sorted.count - 1)
        let below = Int(place)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
    }
}
