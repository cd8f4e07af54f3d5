/// The growth of β with the timestep: `beta_schedule`.
public enum BetaSchedule: String, CaseIterable, Sendable {
    /// β itself grows linearly.
    case linear
    /// √β grows linearly, as in Stable Diffusion.
    case scaledLinear = "scaled_linear"
    /// ᾱ falls as a squared cosine (arXiv 2102.09672).
    case squaredCosine = "squaredcos_cap_v2"
}
