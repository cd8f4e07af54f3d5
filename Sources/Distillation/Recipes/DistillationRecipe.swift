import DiffusionModels

/// The settings of a publication under one name, each recorded in the run's configuration as if it had been chosen by itself.
///
/// Sizes of batches and numbers of steps are not part of a recipe: the publications have 64 to 2048 images a step on many processors.
public enum DistillationRecipe: String, CaseIterable, Sendable {
    /// SwiftBrush, arXiv 2312.05239 and its README: κ 4.5 on both networks, adapters of rank 64 on `to_q` and `to_v`, learning rates 1e-6 and 1e-3.
    case swiftBrush = "swiftbrush"
    /// SwiftBrush v2, arXiv 2408.14176: SwiftBrush with the clamped alignment loss, whose λ falls from 0.1 to 0 over the run, and adapters of
    /// rank 64 and alpha 128. The paper starts from SD-Turbo and averages two students. Learning rates are SwiftBrush's: the paper's are unknown to us.
    case swiftBrushV2 = "swiftbrush-v2"
    /// PG-SB of SNOOPI, arXiv 2412.02687: κ from U(0.5, 4) for both networks, adapters of rank 64 and alpha 128, without its alignment loss.
    /// Learning rates are SwiftBrush's: the paper's are unknown to us.
    case pgSB = "pg-sb"
    /// SiD-LSG, arXiv 2406.01561 and its code: κ 1.5 everywhere, a copy, both learning rates 1e-6, Adam without a first moment, T = 625, sums over
    /// elements, no clipping. Its average has a half-life of 50,000 images, here for batches of 16.
    case sidLSG = "sid-lsg"
    /// DMD2, arXiv 2405.14867 and its code for Stable Diffusion 1.5: κ 1.75, a copy with ten updates a step, both learning rates 1e-5, an
    /// adversarial term on real latents, decoupled weight decay 0.01, clipping at 10, no average.
    case dmd2
    /// What was best here, without images of any kind, where a prompt has many right images and the teacher predicts v
    /// (`Documentation/Quality.md`): SwiftBrush with κ 1 on both networks, adapters of rank 16 and scale 1.6875 on all layers, which make five
    /// updates a step, the balanced weight for both losses, the student's learning rate 1e-4, rates that end at 0, and an average that forgets
    /// within 500 steps. Measured on networks of a million weights. A run of it has a fixed number of steps, at whose end its rates are 0.
    case best

    /// The publication and its main settings in one line.
    package var summary: String {
        switch self {
        case .swiftBrush: "2312.05239: adapters, guidance 4.5 on both networks, T 999"
        case .swiftBrushV2: "2408.14176: the same with clamped alignment that fades out"
        case .pgSB: "2412.02687: the same with random guidance, 0.5 to 4"
        case .sidLSG: "2406.01561: a copy, guidance 1.5 everywhere, T 625"
        case .dmd2: "2405.14867: a copy with ten updates, guidance 1.75, adversarial term"
        case .best: "SwiftBrush, guidance 1, five updates, balanced weights, all layers, cosine"
        }
    }

    /// The loss, as its publication has it; see ``loss(iterations:)``.
    public var publishedLoss: PublishedLoss { row.loss }

    /// The settings of a run of `iterations` steps with a teacher of this noise schedule. Throws ``DistillationError`` if the schedule does not
    /// have the recipe's timestep.
    public func configuration(on schedule: NoiseSchedule, iterations: Int) throws -> DistillationConfiguration {
        var configuration = configuration(iterations: iterations)
        try configuration.setStudentTimestep(studentTimestep, on: schedule)
        return configuration
    }

    /// The settings of a run of `iterations` steps, except the student's timestep.
    package func configuration(iterations: Int) -> DistillationConfiguration {
        var configuration = DistillationConfiguration()
        configuration.fakeScoreTraining = publishedLoss.fakeScoreTraining(for: publishedLoss.loss)
        if let fakeScoreWeight { configuration.fakeScoreTraining.weight = fakeScoreWeight }
        row.change(&configuration)
        if self == .best { configuration.learningRateSchedule = .cosine(total: max(iterations, 1)) }
        return configuration
    }

    /// T.
    package var studentTimestep: Int { self == .sidLSG ? 625 : 999 }

    /// The weight of the fake score's loss, if it is not the one that the loss's publication has.
    package var fakeScoreWeight: TimestepWeight? { self == .best ? .balanced : nil }

    /// The loss of a run of `iterations` steps: that of ``publishedLoss``, for SwiftBrush v2 with the alignment that fades out over the run, and
    /// for `best` with κ 1 and the balanced weight. Throws ``DistillationError`` for settings that the loss does not have.
    public func loss(iterations: Int) throws -> any DistillationLoss {
        try publishedLoss.loss(lossSettings(iterations: iterations))
    }

    /// The settings of the loss in a run of `iterations` steps.
    package func lossSettings(iterations: Int) -> LossSettings {
        var settings = LossSettings()
        if self == .swiftBrushV2 { settings.alignmentDecaySteps = iterations }
        if self == .best { (settings.guidanceScale, settings.weight) = (1, .balanced) }
        return settings
    }

    private typealias Row = (loss: PublishedLoss, change: @Sendable (inout DistillationConfiguration) -> Void)

    private var row: Row {
        switch self {
        case .swiftBrush: (.vsd, { _ in })
        case .swiftBrushV2: (.swiftBrushV2, { ($0.adapterRank, $0.adapterAlpha) = (64, 128) })
        case .pgSB: (.pgSB, { ($0.adapterRank, $0.adapterAlpha) = (64, 128) })
        case .sidLSG:
            (
                .sidLSG,
                {
                    ($0.fakeScoreWeights, $0.studentLearningRate, $0.fakeScoreLearningRate) = (.copy, 1e-6, 1e-6)
                    ($0.firstMomentDecay, $0.gradientReduction, $0.gradientNormLimit) = (0, .samples, 1e9)
                    ($0.averageDecay, $0.averageRule) = (0.9998, .warmingUp)
                }
            )
        case .dmd2:
            (
                .dmd2,
                {
                    ($0.fakeScoreWeights, $0.studentLearningRate, $0.fakeScoreLearningRate) = (.copy, 1e-5, 1e-5)
                    ($0.weightDecay, $0.gradientNormLimit, $0.averageDecay) = (0.01, 10, 0)
                    $0.setFakeScoreUpdates(10)
                }
            )
        case .best:
            (
                .vsd,
                {
                    $0.setAdapterRank(16)
                    $0.adapterTargets = StudentAdapters.allLayers
                    $0.setFakeScoreUpdates(5)
                    ($0.studentLearningRate, $0.averageDecay) = (1e-4, 0.998)
                }
            )
        }
    }
}
