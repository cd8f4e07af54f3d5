import Foundation

/// The levels of a schedule's timesteps as in diffusers' samplers: rounded to Float32 where theirs are.
///
/// The rounding matters: it limits σ²/α² of the first timesteps to an accuracy of 4e-5, which is visible in solvers of high order, and when
/// a level is converted to a timestep it decides on which side of an integer the result lies.
struct SamplingTable: Sendable {
    /// ᾱ of every timestep.
    let cumulativeAlphas: [Double]
    /// σ/α of every timestep.
    let ratios: [Double]
    private let logRatios: [Double]

    /// The table of a sampler's configuration.
    ///
    /// - Parameters:
    ///   - configuration: the sampler's configuration.
    ///   - keepsSignal: whether the last timestep of a schedule that is rescaled to zero terminal SNR has ᾱ = 2⁻²⁴, for samplers that
    ///     divide by α.
    init(_ configuration: NoiseSchedule.Configuration, keepsSignal: Bool = false) {
        var betas = Self.betas(configuration)
        if configuration.rescalesToZeroSignal { betas = Self.rescaled(betas) }
        var alphas = Self.products(betas)
        if configuration.rescalesToZeroSignal, keepsSignal { alphas[alphas.count - 1] = 0x1p-24 }
        cumulativeAlphas = alphas.map(Double.init)
        ratios = alphas.map { Double(((1 - $0) / $0).squareRoot()) }
        logRatios = ratios.map { Double(Float(log($0))) }
    }

    /// The level of an integer timestep.
    func level(at timestep: Int) -> SignalLevel { SignalLevel(cumulativeAlpha: cumulativeAlphas[timestep]) }

    /// σ/α of a fractional timestep, interpolated linearly and clamped to the table.
    func ratio(at timestep: Double) -> Double {
        let last = ratios.count - 1
        if timestep <= 0 || last == 0 { return ratios[0] }
        if timestep >= Double(last) { return ratios[last] }
        let below = Int(timestep)
        return (ratios[below + 1] - ratios[below]) * (timestep - Double(below)) + ratios[below]
    }

    /// The fractional timestep of a noise-to-signal ratio, interpolated in the ratio's logarithm.
    func timestep(ofRatio ratio: Double) -> Double {
        guard logRatios.count > 1 else { return 0 }
        let level = log(max(ratio, 1e-10))
        let above = logRatios.partitioningIndex { $0 > level }
        let low = min(max(above - 1, 0), logRatios.count - 2)
        let share = (logRatios[low] - level) / (logRatios[low] - logRatios[low + 1])
        let weight = min(max(share, 0), 1)
        return (1 - weight) * Double(low) + weight * Double(low + 1)
    }

    private static func betas(_ configuration: NoiseSchedule.Configuration) -> [Float] {
        if let trained = configuration.trainedBetas { return trained.map(Float.init) }
        let count = configuration.timestepCount
        switch configuration.betaSchedule {
        case .linear: return even(configuration.firstBeta, configuration.lastBeta, count)
        case .scaledLinear:
            let roots = even(configuration.firstBeta.squareRoot(), configuration.lastBeta.squareRoot(), count)
            return roots.map { $0 * $0 }
        case .squaredCosine: return NoiseSchedule.squaredCosineBetas(count: count).map(Float.init)
        }
    }

    /// `torch.linspace` in Float32, which computes each half from its own end and rounds once.
    private static func even(_ first: Double, _ last: Double, _ count: Int) -> [Float] {
        let (start, end) = (Float(first), Float(last))
        guard count > 1 else { return [start] }
        let step = (end - start) / Float(count - 1)
        return (0..<count).map { index in
            index < count / 2
                ? start.addingProduct(step, Float(index)) : end.addingProduct(-step, Float(count - 1 - index))
        }
    }

    /// ᾱ of βs: products in Double, each rounded to Float32.
    private static func products(_ betas: [Float]) -> [Float] {
        var product = 1.0
        return betas.map { beta in
            product *= Double(1 - beta)
            return Float(product)
        }
    }

    /// βs whose √ᾱ is shifted and scaled to end at zero (arXiv 2305.08891, Algorithm 1).
    private static func rescaled(_ betas: [Float]) -> [Float] {
        let roots = products(betas).map { $0.squareRoot() }
        guard let first = roots.first, let last = roots.last, first > last else { return betas }
        let scale = first / (first - last)
        let alphas = roots.map { root in
            let stretched = (root - last) * scale
            return stretched * stretched
        }
        return alphas.indices.map { 1 - ($0 == 0 ? alphas[0] : alphas[$0] / alphas[$0 - 1]) }
    }
}

extension [Double] {
    /// The first index in a sorted list from which `belongs` holds.
    fileprivate func partitioningIndex(where belongs: (Double) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
