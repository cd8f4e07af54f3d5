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
    public func loss(guidanceScale scale: Double) -> (any DistillationLoss)? {
        try? loss(LossSettings(guidanceScale: scale))
    }

    /// The loss with other settings. Throws ``DistillationError/invalidSetting(name:expected:found:)`` for one that it does not have.
    package func loss(_ settings: LossSettings) throws -> any DistillationLoss { try row.adjusted(settings) }

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
        let adjusted: @Sendable (LossSettings) throws -> any DistillationLoss
        /// The training of the fake score where it is not the loss's usual one.
        let training: FakeScoreTraining?

        /// - Parameters:
        ///   - allowsFirstStepRegression: whether the first of several steps may learn by regression instead.
        ///   - apply: takes the settings that the loss has.
        init<Loss: DistillationLoss>(
            _ loss: Loss, training: FakeScoreTraining? = nil, allowsFirstStepRegression: Bool = true,
            apply: @escaping @Sendable (inout LossSettings, inout Loss) -> Void = { _, _ in }
        ) {
            (self.loss, self.training) = (loss, training)
            adjusted = { settings in
                var (settings, loss) = (settings, loss)
                apply(&settings, &loss)
                let regresses = allowsFirstStepRegression && settings.regressesFirstStep == true
                if regresses { settings.regressesFirstStep = nil }
                try settings.checkTaken(by: Loss.name)
                return regresses ? FirstStepRegression(loss) : loss
            }
        }
    }

    private static let table: [PublishedLoss: Row] = [
        .sds: Row(ScoreDistillationSampling()) {
            $0.take(\.guidanceScale, for: &$1.teacherGuidanceScale)
            $0.take(\.timesteps, for: &$1.timesteps)
            $0.take(\.weight, for: &$1.weight)
        },
        .regression: Row(PairRegression(), allowsFirstStepRegression: false),
        .vsd: Row(VariationalScoreDistillation()) { $0.apply(to: &$1, guidingBoth: true) },
        .swiftBrushV2: Row(SwiftBrushV2()) {
            $0.apply(to: &$1.first, guidingBoth: true)
            if let steps = $0.alignmentDecaySteps { ($1.second.decaySteps, $0.alignmentDecaySteps) = (steps, nil) }
        },
        .prolificDreamer: Row(VariationalScoreDistillation.prolificDreamer, training: .prolificDreamer) {
            $0.apply(to: &$1, guidingBoth: false)
        },
        .pgSB: Row(RandomGuidanceDistillation()) {
            $0.take(\.timesteps, for: &$1.timesteps)
            $0.take(\.weight, for: &$1.weight)
        },
        .diffInstruct: Row(DiffInstruct()) {
            $0.take(\.guidanceScale, for: &$1.teacherGuidanceScale)
            $0.take(\.timesteps, for: &$1.timesteps)
            $0.take(\.weight, for: &$1.weight)
        },
        .dmd: Row(DistributionMatchingDistillation(), training: .dmd2) { $0.apply(to: &$1) },
        .dmdRegression: Row(DMD(), allowsFirstStepRegression: false) { $0.apply(to: &$1.first) },
        .dmd2: Row(DMD2()) { $0.apply(to: &$1.first) },
        .sid: Row(ScoreIdentityDistillation()) { $0.apply(to: &$1) },
        .sidLSG: Row(ScoreIdentityDistillation.longShortGuidance()) { $0.apply(to: &$1) },
        .sim: Row(ScoreImplicitMatching()) {
            $0.take(\.guidanceScale, for: &$1.teacherGuidanceScale)
            $0.take(\.timesteps, for: &$1.timesteps)
            $0.take(\.weight, for: &$1.weight)
        },
        .fDistill: Row(FDivergenceDistillation()) {
            $0.take(\.guidanceScale, for: &$1.teacherGuidanceScale)
            $0.take(\.timesteps, for: &$1.timesteps)
        },
        .lcm: Row(LatentConsistency(), allowsFirstStepRegression: false) { $0.take(\.timesteps, for: &$1.timesteps) },
    ]
}

extension LossSettings {
    fileprivate mutating func apply(to loss: inout VariationalScoreDistillation, guidingBoth: Bool) {
        if guidingBoth, let guidanceScale { loss.fakeScoreGuidanceScale = guidanceScale }
        take(\.guidanceScale, for: &loss.teacherGuidanceScale)
        take(\.fakeScoreGuidanceScale, for: &loss.fakeScoreGuidanceScale)
        take(\.timesteps, for: &loss.timesteps)
        take(\.weight, for: &loss.weight)
        if let range = guidanceTimesteps { (loss.guidanceTimesteps, guidanceTimesteps) = (range, nil) }
    }

    fileprivate mutating func apply(to loss: inout DistributionMatchingDistillation) {
        take(\.guidanceScale, for: &loss.teacherGuidanceScale)
        take(\.timesteps, for: &loss.timesteps)
    }

    fileprivate mutating func apply(to loss: inout ScoreIdentityDistillation) {
        if let guidanceScale { loss.fakeScoreGuidanceScale = guidanceScale }
        take(\.guidanceScale, for: &loss.teacherGuidanceScale)
        take(\.timesteps, for: &loss.timesteps)
    }
}
