/// The published losses by short names, each with its publication's settings: for command lines and comparisons.
public enum PublishedLoss: String, CaseIterable, Sendable {
    /// ``ScoreDistillationSampling``.
    case sds
    /// ``VariationalScoreDistillation`` as SwiftBrush.
    case vsd
    /// ``VariationalScoreDistillation/prolificDreamer``.
    case prolificDreamer = "prolific-dreamer"
    /// ``RandomGuidanceDistillation``.
    case pgSB = "pg-sb"
    /// ``DiffInstruct``.
    case diffInstruct = "diff-instruct"
    /// ``DistributionMatchingDistillation``, which is DMD2 without its adversarial term.
    case dmd
    /// ``DMD``, with the regression.
    case dmdRegression = "dmd-regression"
    /// ``DMD2``, with the adversarial term.
    case dmd2
    /// ``ScoreIdentityDistillation``.
    case sid
    /// ``ScoreIdentityDistillation/longShortGuidance(_:)``.
    case sidLSG = "sid-lsg"
    /// ``ScoreImplicitMatching``.
    case sim
    /// ``FDivergenceDistillation``.
    case fDistill = "f-distill"
    /// ``LatentConsistency``.
    case lcm

    /// The loss.
    public var loss: any DistillationLoss {
        switch self {
        case .sds: ScoreDistillationSampling()
        case .vsd: VariationalScoreDistillation()
        case .prolificDreamer: VariationalScoreDistillation.prolificDreamer
        case .pgSB: RandomGuidanceDistillation()
        case .diffInstruct: DiffInstruct()
        case .dmd: DistributionMatchingDistillation()
        case .dmdRegression: DMD()
        case .dmd2: DMD2()
        case .sid: ScoreIdentityDistillation()
        case .sidLSG: ScoreIdentityDistillation.longShortGuidance()
        case .sim: ScoreImplicitMatching()
        case .fDistill: FDivergenceDistillation()
        case .lcm: LatentConsistency()
        }
    }

    /// How its fake score learns.
    public var fakeScoreTraining: FakeScoreTraining {
        switch self {
        case .prolificDreamer: .prolificDreamer
        case .dmd, .dmd2: .dmd2
        default: loss.usualFakeScoreTraining
        }
    }
}
