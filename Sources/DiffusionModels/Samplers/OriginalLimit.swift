import Tensor

/// The limit that is applied to the predicted x₀.
enum OriginalLimit: Sendable, Equatable {
    /// `clip_sample`: x₀ is clamped between minus this value and this value.
    case range(Double)
    /// `thresholding`: dynamic thresholding (Imagen, arXiv 2205.11487). Each sample is clamped to ±s and divided by s, its quantile
    /// of |x₀| limited to 1…maximum.
    case dynamic(quantile: Double, maximum: Double)

    /// Applies the limit to x₀, `[batch, height, width, channels]`.
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
