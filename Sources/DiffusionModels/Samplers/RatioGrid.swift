import Foundation

/// The timesteps of a sampling and the noise-to-signal ratios σ/α at which its steps begin and end.
struct RatioGrid: Sendable {
    let timesteps: [Double]
    let ratios: [Double]

    static let empty = RatioGrid(timesteps: [], ratios: [])

    /// The points at which the network is evaluated, one per step.
    var points: [SamplingPoint] {
        zip(timesteps, ratios).map { SamplingPoint(timestep: $0, level: SignalLevel(ratio: $1)) }
    }

    /// The levels of the ratios.
    var levels: [SignalLevel] { ratios.map { SignalLevel(ratio: $0) } }

    private init(timesteps: [Double], ratios: [Double]) {
        // diffusers stores both in Float32.
        self.timesteps = timesteps.map { Double(Float($0)) }
        self.ratios = ratios.map { Double(Float($0)) }
    }
}

extension RatioGrid {
    /// The grid of Euler's method and related ones, which evaluate the network at fractional timesteps.
    ///
    /// Throws ``ModelError`` for settings that cannot be read.
    ///
    /// - Parameters:
    ///   - settings: the sampler's settings.
    ///   - table: the levels of the sampler's schedule.
    ///   - steps: at least 1.
    ///   - roundsKarras: whether the timesteps of Karras ratios are rounded.
    ///   - boundsKarras: whether `sigma_min` and `sigma_max` bound Karras ratios.
    init(
        continuous settings: SchedulerSettings, _ table: SamplingTable, steps: Int, roundsKarras: Bool = false,
        boundsKarras: Bool = true
    ) throws {
        let configuration = settings.configuration
        var timesteps = configuration.timestepSpacing.timesteps(
            steps: steps, of: table.ratios.count, offset: configuration.stepsOffset, rounds: false)
        var ratios = timesteps.map { table.ratio(at: $0) }
        let interpolation = try settings.name("interpolation_type", of: ["linear", "log_linear"])
        if interpolation == "log_linear" {
            let (first, last) = (log(table.ratios[table.ratios.count - 1]), log(table.ratios[0]))
            ratios = TimestepSpacing.even(from: first, to: last, count: steps + 1).map { exp($0) }
        }
        let spacing = try RatioSpacing(settings)
        if spacing != .timesteps {
            let isBound = boundsKarras || spacing != .karras
            let (largest, smallest) = try settings.bounds(ratios[0], ratios[ratios.count - 1], areSet: isBound)
            ratios = spacing.ratios(from: largest, to: smallest, count: steps)
            timesteps = ratios.map { table.timestep(ofRatio: $0) }
            if roundsKarras, spacing == .karras { timesteps = timesteps.map { $0.rounded(.toNearestOrEven) } }
        }
        let end = try settings.name("final_sigmas_type", of: ["zero", "sigma_min"])
        self.init(timesteps: timesteps, ratios: ratios + [end == "zero" ? 0 : table.ratios[0]])
    }

    /// The level at which a multistep solver's last step ends.
    enum End {
        case noNoise
        case firstTimestep
        /// The last of explicitly spaced ratios, at which the last step also begins; otherwise that of timestep 0.
        case lastRatio
    }

    /// The grid of solvers of high order, which evaluate the network at integer timesteps.
    ///
    /// Throws ``ModelError`` for settings that cannot be read.
    ///
    /// - Parameters:
    ///   - settings: the sampler's settings.
    ///   - table: the levels of the sampler's schedule.
    ///   - steps: at least 1.
    ///   - spacing: the spacing of the timesteps.
    ///   - end: the level at which the last step ends.
    ///   - roundsKarras: whether the timesteps of spaced ratios are rounded instead of truncated.
    init(
        multistep settings: SchedulerSettings, _ table: SamplingTable, steps: Int, spacing: TimestepSpacing,
        end: End, roundsKarras: Bool = true
    ) throws {
        let count = table.ratios.count
        let clipped = try settings.clippedTimesteps(of: table)
        var timesteps = spacing.multistepTimesteps(
            steps: steps, of: count, upTo: count - clipped, offset: settings.configuration.stepsOffset)
        var ratios = timesteps.map { table.ratio(at: $0) }
        let ratioSpacing = try RatioSpacing(settings)
        if ratioSpacing != .timesteps {
            let (largest, smallest) = try settings.bounds(table.ratios[count - 1], table.ratios[0])
            ratios = ratioSpacing.ratios(from: largest, to: smallest, count: steps)
            let isRounded = roundsKarras && [.karras, .logSignalToNoise].contains(ratioSpacing)
            timesteps = ratios.map { ratio in
                table.timestep(ofRatio: ratio).rounded(isRounded ? .toNearestOrEven : .towardZero)
            }
        }
        let last: Double
        switch end {
        case .noNoise: last = 0
        case .lastRatio where ratioSpacing != .timesteps: last = ratios[ratios.count - 1]
        case .firstTimestep, .lastRatio: last = table.ratios[0]
        }
        self.init(timesteps: timesteps, ratios: ratios + [last])
    }
}

extension SchedulerSettings {
    /// The bounds of spaced ratios: `sigma_max` and `sigma_min` if they are set.
    fileprivate func bounds(
        _ largest: Double, _ smallest: Double, areSet: Bool = true
    ) throws -> (largest: Double, smallest: Double) {
        guard areSet else { return (largest, smallest) }
        func bound(_ name: String, _ fallback: Double) throws -> Double {
            fields.isNull(name) ? fallback : try fields.number(name, default: fallback, in: 1e-6...1e6)
        }
        return (try bound("sigma_max", largest), try bound("sigma_min", smallest))
    }

    /// The number of the noisiest timesteps that are left out: `lambda_min_clipped`.
    fileprivate func clippedTimesteps(of table: SamplingTable) throws -> Int {
        guard !fields.isNull("lambda_min_clipped") else { return 0 }
        let bound = try fields.number("lambda_min_clipped", default: -1e9, in: -1e9...1e9)
        let clipped = table.cumulativeAlphas.filter { SignalLevel(cumulativeAlpha: $0).logSignalToNoise < bound }.count
        guard clipped < table.ratios.count - 1 else {
            throw fields.invalid("lambda_min_clipped", expected: "a bound that at least two timesteps satisfy")
        }
        return clipped
    }
}
