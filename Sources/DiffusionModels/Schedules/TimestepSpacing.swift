/// The spacing of a sampler's timesteps among those of training: `timestep_spacing` (Table 2 of arXiv 2305.08891).
public enum TimestepSpacing: String, CaseIterable, Sendable {
    /// Multiples of an integer stride, starting at 0.
    case leading
    /// Multiples of a stride, counted back from the last timestep.
    case trailing
    /// Evenly spaced from 0 to the last timestep.
    case linspace
}

extension TimestepSpacing {
    /// The timesteps of `steps` steps in decreasing order, of `count` training timesteps; none is above the last.
    ///
    /// They are rounded to integers, as in diffusers' samplers. Samplers with fractional timesteps (Euler's and related methods) do not
    /// round those of `linspace`.
    ///
    /// - Parameters:
    ///   - steps: at least 1.
    ///   - count: the number of training timesteps.
    ///   - offset: added to leading timesteps.
    ///   - rounds: whether evenly spaced timesteps are rounded.
    func timesteps(steps: Int, of count: Int, offset: Int, rounds: Bool = true) -> [Double] {
        let last = Double(count - 1)
        switch self {
        case .leading:
            let stride = count / steps
            return (0..<steps).reversed().map { min(Double($0 * stride + offset), last) }
        case .trailing:
            return Self.fallen(from: count, by: Double(count) / Double(steps))
        case .linspace:
            let even = Self.even(from: 0, to: last, count: steps).reversed()
            return even.map { rounds ? $0.rounded(.toNearestOrEven) : Double(Float($0)) }
        }
    }

    /// The timesteps of multistep solvers, which stop before timestep 0: one more timestep is spaced, and the last is dropped.
    ///
    /// - Parameters:
    ///   - steps: at least 1.
    ///   - count: the number of training timesteps.
    ///   - end: how many of them are used; the noisiest others are left out.
    ///   - offset: added to leading timesteps.
    func multistepTimesteps(steps: Int, of count: Int, upTo end: Int, offset: Int) -> [Double] {
        switch self {
        case .leading:
            let stride = end / (steps + 1)
            return (1...steps).reversed().map { min(Double($0 * stride + offset), Double(count - 1)) }
        case .trailing:
            return Self.fallen(from: end, by: Double(count) / Double(steps))
        case .linspace:
            let even = Self.even(from: 0, to: Double(end - 1), count: steps + 1)
            return even.dropFirst().reversed().map { $0.rounded(.toNearestOrEven) }
        }
    }

    /// `numpy.linspace`.
    static func even(from first: Double, to last: Double, count: Int) -> [Double] {
        guard count > 1 else { return [first] }
        let step = (last - first) / Double(count - 1)
        return (0..<count).map { $0 == count - 1 ? last : first + Double($0) * step }
    }

    /// `numpy.arange(start, 0, -step).round() - 1`, which may have one timestep more than `start / step` where that is not an integer.
    private static func fallen(from start: Int, by step: Double) -> [Double] {
        let first = Double(start)
        let count = Int((first / step).rounded(.up))
        let stride = (first - step) - first
        return (0..<count).map { max((first + Double($0) * stride).rounded(.toNearestOrEven) - 1, 0) }
    }
}
