extension VariationalScoreDistillation {
    /// ProlificDreamer's settings (arXiv 2305.16213; threestudio's code).
    ///
    /// g = σ² (ε̂_T − ε_F), ε̂_T guided by 7.5, ε_F not: the optimum is the guided teacher, sharper than the teacher itself. Its
    /// fake score is trained with ``FakeScoreTraining/prolificDreamer``.
    public static var prolificDreamer: VariationalScoreDistillation {
        var loss = VariationalScoreDistillation()
        (loss.teacherGuidanceScale, loss.fakeScoreGuidanceScale) = (7.5, 1)
        return loss
    }
}
