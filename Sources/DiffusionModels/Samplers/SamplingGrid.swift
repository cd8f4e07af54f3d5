import Foundation

/// How much signal and noise there is: x = α x₀ + σ ε, α² + σ² = 1.
struct SignalLevel: Equatable {
    let alpha: Double
    let sigma: Double

    /// The level of ᾱ.
    init(cumulativeAlpha: Double) {
        (alpha, sigma) = (cumulativeAlpha.squareRoot(), (1 - cumulativeAlpha).squareRoot())
    }

    /// The level of a noise-to-signal ratio s = σ/α.
    init(ratio: Double) {
        alpha = 1 / (1 + ratio * ratio).squareRoot()
        sigma = ratio * alpha
    }

    /// σ/α.
    var ratio: Double { sigma / alpha }

    static let clean = SignalLevel(cumulativeAlpha: 1)
}

/// One step of a sampler: where the network is asked, and from which level to which the step goes.
struct SamplingPoint {
    let timestep: Double
    let level: SignalLevel
    let next: SignalLevel
}

extension SamplingMethod {
    /// The steps on a schedule.
    func points(on schedule: NoiseSchedule, steps: Int) -> [SamplingPoint] {
        let timesteps = timesteps(on: schedule, steps: steps)
        let levels = timesteps.map { level(at: $0, on: schedule) }
        return timesteps.indices.map { index in
            let following = index + 1 < levels.count ? levels[index + 1] : nil
            let next: SignalLevel
            switch self {
            case .ddim:
                next = schedule.ddimEnd(of: Int(timesteps[index]), steps: steps)
            case .latentConsistency:
                next = following ?? levels[index]
            case .ddpm, .euler, .eulerAncestral, .dpmSolver:
                next = following ?? .clean
            }
            return SamplingPoint(timestep: timesteps[index], level: levels[index], next: next)
        }
    }

    /// The scale of the starting noise: Euler's methods start from the last level's noise alone, without its vanishing signal,
    /// except with leading timesteps.
    func startScale(on schedule: NoiseSchedule, first: SamplingPoint) -> Double {
        switch self {
        case .euler, .eulerAncestral: schedule.configuration.timestepSpacing == .leading ? 1 : first.level.sigma
        case .ddim, .ddpm, .dpmSolver, .latentConsistency: 1
        }
    }

    /// The timesteps, falling; whole but for Euler's methods with linear spacing.
    private func timesteps(on schedule: NoiseSchedule, steps: Int) -> [Double] {
        let spacing = schedule.configuration.timestepSpacing
        let last = Double(schedule.timestepCount - 1)
        switch self {
        case .euler where spacing == .linspace, .eulerAncestral where spacing == .linspace:
            return (0..<steps).reversed().map { last * Double($0) / Double(max(steps - 1, 1)) }
        case .dpmSolver where spacing == .linspace:
            return (1...steps).reversed().map { (last * Double($0) / Double(steps)).rounded(.toNearestOrEven) }
        case .dpmSolver where spacing == .leading:
            let stride = schedule.timestepCount / (steps + 1)
            return (1...steps).reversed().map { min(Double($0 * stride + schedule.configuration.stepsOffset), last) }
        case .latentConsistency(let originalSteps):
            let stride = schedule.timestepCount / originalSteps
            return (0..<steps).map { Double((originalSteps - $0 * originalSteps / steps) * stride - 1) }
        case .ddim, .ddpm, .euler, .eulerAncestral, .dpmSolver:
            return schedule.timesteps(steps: steps).map(Double.init)
        }
    }

    /// The level of a timestep; between whole ones the noise-to-signal ratio is interpolated.
    private func level(at timestep: Double, on schedule: NoiseSchedule) -> SignalLevel {
        let below = Int(timestep)
        let level = level(atWhole: below, on: schedule)
        let share = timestep - Double(below)
        guard share > 0 else { return level }
        let above = self.level(atWhole: below + 1, on: schedule)
        return SignalLevel(ratio: level.ratio + share * (above.ratio - level.ratio))
    }

    /// Methods that work with σ/α take no signal at all for ᾱ = 2⁻²⁴, as diffusers does.
    private func level(atWhole timestep: Int, on schedule: NoiseSchedule) -> SignalLevel {
        let cumulativeAlpha = schedule.cumulativeAlphas[timestep]
        let isRatioNeeded = [.euler, .eulerAncestral, .dpmSolver].contains(self)
        return SignalLevel(cumulativeAlpha: cumulativeAlpha == 0 && isRatioNeeded ? 0x1p-24 : cumulativeAlpha)
    }
}

extension NoiseSchedule {
    /// Where DDIM's step from a timestep ends: one stride below, whatever the spacing.
    fileprivate func ddimEnd(of timestep: Int, steps: Int) -> SignalLevel {
        let previous = timestep - timestepCount / steps
        if previous >= 0 { return SignalLevel(cumulativeAlpha: cumulativeAlphas[previous]) }
        return configuration.endsAtOne ? .clean : SignalLevel(cumulativeAlpha: cumulativeAlphas[0])
    }
}
