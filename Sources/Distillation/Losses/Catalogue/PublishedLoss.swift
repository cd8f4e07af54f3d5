/// The published losses by short names for command lines and comparisons, each with its publication's settings.
public enum PublishedLoss: String, CaseIterable, Sendable {
    /// ``ScoreDistillationSampling``.
    case sds
    /// ``PairRegression`` alone: knowledge distillation (arXiv 2101.02388).
    case regression
    /// ``VariationalScoreDistillation`` with SwiftBrush's settings.
    case vsd
    /// ``SwiftBrushV2``, with the clamped alignment loss.
    case swiftBrushV2 = "swift-brush-v2"
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
        case .regression: PairRegression()
        case .vsd: VariationalScoreDistillation()
        case .swiftBrushV2: SwiftBrushV2()
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

    /// The loss with another guidance scale κ for the teacher, and for the fake score if the publication guides both. Nil for
    /// losses that sample κ or evaluate no network.
    public func loss(guidanceScale scale: Double) -> (any DistillationLoss)? {
        switch self {
        case .sds: guided(ScoreDistillationSampling(), \.teacherGuidanceScale, scale)
        case .vsd: VariationalScoreDistillation(guidanceScale: scale)
        case .swiftBrushV2: SwiftBrushV2(VariationalScoreDistillation(guidanceScale: scale), AlignmentTerm())
        case .prolificDreamer: guided(.prolificDreamer, \VariationalScoreDistillation.teacherGuidanceScale, scale)
        case .regression, .pgSB, .lcm: nil
        case .diffInstruct: guided(DiffInstruct(), \.teacherGuidanceScale, scale)
        case .dmd: guided(DistributionMatchingDistillation(), \.teacherGuidanceScale, scale)
        case .dmdRegression: guided(DMD(), \.first.teacherGuidanceScale, scale)
        case .dmd2: guided(DMD2(), \.first.teacherGuidanceScale, scale)
        case .sid, .sidLSG: ScoreIdentityDistillation.longShortGuidance(scale)
        case .sim: guided(ScoreImplicitMatching(), \.teacherGuidanceScale, scale)
        case .fDistill: guided(FDivergenceDistillation(), \.teacherGuidanceScale, scale)
        }
    }

    private func guided<Loss: DistillationLoss>(
        _ loss: Loss, _ scale: WritableKeyPath<Loss, Double>, _ value: Double
    ) -> Loss {
        var loss = loss
        loss[keyPath: scale] = value
        return loss
    }

    /// The training of the fake score for this loss with the given settings.
    public func fakeScoreTraining(for loss: any DistillationLoss) -> FakeScoreTraining {
        switch self {
        case .prolificDreamer: .prolificDreamer
        case .dmd, .dmd2: .dmd2
        default: loss.usualFakeScoreTraining
        }
    }
}
