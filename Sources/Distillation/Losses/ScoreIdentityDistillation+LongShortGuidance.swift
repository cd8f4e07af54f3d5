extension ScoreIdentityDistillation {
    /// SiD with long and short guidance (SiD-LSG, arXiv 2406.01561).
    ///
    /// L = w (f̂_T − f̂_F)·(f̂_F − x̂₀), both guided by κ; the fake score is trained on its guided prediction, too: the
    /// paper's κ₁ = κ₂ = κ₃ = κ₄. Its student uses t = 625; see ``DistillationConfiguration/studentTimestep``.
    ///
    /// - Parameter scale: κ; 1.5 gave the paper's best FID, 4.5 its best CLIP score.
    public static func longShortGuidance(_ scale: Double = 1.5) -> ScoreIdentityDistillation {
        var loss = ScoreIdentityDistillation()
        (loss.teacherGuidanceScale, loss.fakeScoreGuidanceScale) = (scale, scale)
        return loss
    }
}
