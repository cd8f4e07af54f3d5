/// How a sampler goes from noise to a picture. Each agrees step by step with diffusers' scheduler of the same configuration.
public enum SamplingMethod: Sendable, Equatable {
    /// Denoising diffusion implicit models (arXiv 2010.02502); `eta` is the share of DDPM's noise that each step adds anew,
    /// 0 to 1: 0 is deterministic. diffusers' `DDIMScheduler`.
    case ddim(eta: Double = 0)
    /// Ancestral sampling (arXiv 2006.11239). diffusers' `DDPMScheduler`.
    case ddpm
    /// Euler's method on the probability-flow equation (arXiv 2206.00364, without churn). diffusers'
    /// `EulerDiscreteScheduler`.
    case euler
    /// Euler's method with noise added anew. diffusers' `EulerAncestralDiscreteScheduler`.
    case eulerAncestral
    /// DPM-Solver++ of second order, multistep (arXiv 2211.01095). diffusers' `DPMSolverMultistepScheduler`.
    case dpmSolver
    /// Latent consistency models (arXiv 2310.04378), whose training divided the schedule into `originalSteps`. diffusers'
    /// `LCMScheduler`.
    case latentConsistency(originalSteps: Int = 50)
}

extension SamplingMethod {
    private static let named: [(name: String, method: SamplingMethod)] = [
        ("ddim", .ddim()), ("ddpm", .ddpm), ("euler", .euler), ("euler-ancestral", .eulerAncestral),
        ("dpm-solver", .dpmSolver), ("lcm", .latentConsistency()),
    ]

    /// The names of the methods with their usual settings.
    public static var names: [String] { named.map(\.name) }

    /// The method of a name, with its usual settings; nil when it is none of ``names``.
    public init?(name: String) {
        guard let method = Self.named.first(where: { $0.name == name })?.method else { return nil }
        self = method
    }

    /// The method's name, without its settings.
    public var name: String {
        switch self {
        case .ddim: "ddim"
        case .ddpm: "ddpm"
        case .euler: "euler"
        case .eulerAncestral: "euler-ancestral"
        case .dpmSolver: "dpm-solver"
        case .latentConsistency: "lcm"
        }
    }
}
