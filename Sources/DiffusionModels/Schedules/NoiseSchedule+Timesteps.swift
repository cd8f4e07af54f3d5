extension NoiseSchedule {
    /// The timesteps that a sampler of `steps` steps visits, falling, by the configuration's spacing and offset.
    ///
    /// As diffusers' `DDIMScheduler.set_timesteps` and `DDPMScheduler.set_timesteps`; none lies beyond the last timestep.
    public func timesteps(steps: Int) -> [Int] {
        precondition(
            (1...timestepCount).contains(steps),
            "NoiseSchedule.timesteps(steps:): expected 1 to \(timestepCount) steps, found \(steps)")
        let last = timestepCount - 1
        switch configuration.timestepSpacing {
        case .leading:
            let stride = timestepCount / steps
            return (0..<steps).reversed().map { min($0 * stride + configuration.stepsOffset, last) }
        case .trailing:
            let stride = Double(timestepCount) / Double(steps)
            return (0..<steps).map { index in
                let end = Double(timestepCount) - Double(index) * stride
                return max(Int(end.rounded(.toNearestOrEven)) - 1, 0)
            }
        case .linspace:
            let stride = Double(last) / Double(max(steps - 1, 1))
            return (0..<steps).reversed().map { Int((Double($0) * stride).rounded(.toNearestOrEven)) }
        }
    }
}
