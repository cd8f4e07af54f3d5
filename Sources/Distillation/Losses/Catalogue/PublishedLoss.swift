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
    /// ``DistributionMatchingDistillation`` with ``FakeScoreTraining/dmd2``: DMD2 without its adversarial term.
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
    public var loss: any DistillationLoss { row.loss }

    /// The loss with another guidance scale κ for the teacher, and for the fake score if the publication guides both. Nil for
    /// losses that sample κ or evaluate no network.
    public func loss(guidanceScale scale: Double) -> (any DistillationLoss)? { row.guided?(scale) }

    /// The training of the fake score for this loss with the given settings.
    public func fakeScoreTraining(for loss: any DistillationLoss) -> FakeScoreTraining {
        row.training ?? loss.usualFakeScoreTraining
    }

    private var row: Row {
        guard let row = Self.table[self] else {
            fatalError("PublishedLoss: \(rawValue) has no row in the table")
        }
        return row
    }

    /// A published loss with its settings.
    private struct Row: Sendable {
        let loss: any DistillationLoss
        /// The loss for a guidance scale.
        var guided: (@Sendable (Double) -> any DistillationLoss)?
        /// The training of the fake score where it is not the loss's usual one.
        var training: FakeScoreTraining?

        init(_ loss: any DistillationLoss, guided: (@Sendable (Double) -> any DistillationLoss)? = nil) {
            (self.loss, self.guided) = (loss, guided)
        }

        /// A loss whose guidance scale is the property `scale`.
        init<Loss: DistillationLoss>(
            _ loss: Loss, scale: WritableKeyPath<Loss, Double> & Sendable, training: FakeScoreTraining? = nil
        ) {
            self.loss = loss
            self.training = training
            guided = { value in
                var loss = loss
                loss[keyPath: scale] = value
                return loss
            }
        }
    }

    private static let table: [PublishedLoss: Row] = [
        .sds: Row(ScoreDistillationSampling(), scale: \.teacherGuidanceScale),
        .regression: Row(PairRegression()),
        .vsd: Row(VariationalScoreDistillation()) { VariationalScoreDistillation(guidanceScale: $0) },
        .swiftBrushV2: Row(SwiftBrushV2()) {
            SwiftBrushV2(VariationalScoreDistillation(guidanceScale: $0), AlignmentTerm())
        },
        .prolificDreamer: Row(
            VariationalScoreDistillation.prolificDreamer, scale: \.teacherGuidanceScale, training: .prolificDreamer),
        .pgSB: Row(RandomGuidanceDistillation()),
        .diffInstruct: Row(DiffInstruct(), scale: \.teacherGuidanceScale),
        .dmd: Row(DistributionMatchingDistillation(), scale: \.teacherGuidanceScale, training: .dmd2),
        .dmdRegression: Row(DMD(), scale: \.first.teacherGuidanceScale),
        .dmd2: Row(DMD2(), scale: \.first.teacherGuidanceScale),
        .sid: Row(ScoreIdentityDistillation()) { ScoreIdentityDistillation.longShortGuidance($0) },
        .sidLSG: Row(ScoreIdentityDistillation.longShortGuidance()) {
            ScoreIdentityDistillation.longShortGuidance($0)
        },
        .sim: Row(ScoreImplicitMatching(), scale: \.teacherGuidanceScale),
        .fDistill: Row(FDivergenceDistillation(), scale: \.teacherGuidanceScale),
        .lcm: Row(LatentConsistency()),
    ]
}
