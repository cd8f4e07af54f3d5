/// DMD with its regression (arXiv 2311.18828): ``DistributionMatchingDistillation`` plus ``PairRegression``.
///
/// g = (f_F − f̂_T)/(mean|x̂₀ − f̂_T| + c) + λ 2 (x̂₀ − y).
public typealias DMD = CombinedLoss<DistributionMatchingDistillation, PairRegression>

/// DMD2 with its adversarial term (arXiv 2405.14867): ``DistributionMatchingDistillation`` plus ``AdversarialTerm``.
///
/// g = (f_F − f̂_T)/(mean|x̂₀ − f̂_T| + c) − λ n sigmoid(−D) ∂D/∂x̂₀.
public typealias DMD2 = CombinedLoss<DistributionMatchingDistillation, AdversarialTerm>

/// SwiftBrush v2's training (arXiv 2408.14176): ``VariationalScoreDistillation`` plus ``AlignmentTerm``.
///
/// g = σ² (ε̂_T − ε̂_F) − λ n 1[R < τ] ∂R/∂x̂₀.
public typealias SwiftBrushV2 = CombinedLoss<VariationalScoreDistillation, AlignmentTerm>

/// SNOOPI's training (arXiv 2412.02687): ``RandomGuidanceDistillation`` plus ``AlignmentTerm``.
///
/// g = σ² (ε̂_T − ε̂_F) − λ n 1[R < τ] ∂R/∂x̂₀ with a random κ.
public typealias AlignedRandomGuidance = CombinedLoss<RandomGuidanceDistillation, AlignmentTerm>

/// DI* (arXiv 2410.20898): ``ScoreImplicitMatching`` plus an ``AlignmentTerm`` without a threshold.
///
/// L = SIM − λ n R(D(x̂₀), y).
public typealias AlignedImplicitMatching = CombinedLoss<ScoreImplicitMatching, AlignmentTerm>

extension CombinedLoss where First == DistributionMatchingDistillation, Second == PairRegression {
    /// DMD's settings: κ 3, λ 0.25.
    public init() {
        var first = DistributionMatchingDistillation()
        first.teacherGuidanceScale = 3
        self.init(first, PairRegression())
    }
}

extension CombinedLoss where First == DistributionMatchingDistillation, Second == AdversarialTerm {
    /// DMD2's settings on Stable Diffusion 1.5: κ 1.75, λ 1e-3. Train its fake score with ``FakeScoreTraining/dmd2``.
    public init() { self.init(DistributionMatchingDistillation(), AdversarialTerm()) }
}

extension CombinedLoss where First == VariationalScoreDistillation, Second == AlignmentTerm {
    /// SwiftBrush v2's settings: κ 4.5, λ 0.1, τ 0.35.
    public init() { self.init(VariationalScoreDistillation(), AlignmentTerm()) }
}

extension CombinedLoss where First == RandomGuidanceDistillation, Second == AlignmentTerm {
    /// SNOOPI's settings: κ from 0.5 to 4, λ 0.1, τ 0.37.
    public init() {
        var second = AlignmentTerm()
        second.threshold = 0.37
        self.init(RandomGuidanceDistillation(), second)
    }
}

extension CombinedLoss where First == ScoreImplicitMatching, Second == AlignmentTerm {
    /// SIM's settings, and λ 0.1 without a threshold; the paper's λ depends on its reward.
    public init() {
        var second = AlignmentTerm()
        second.threshold = nil
        self.init(ScoreImplicitMatching(), second)
    }
}
