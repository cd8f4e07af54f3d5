import Autograd
import Tensor

/// Regression on the teacher's images for the first of a student's steps, and another loss for the steps after it, in the manner of DP-DMD
/// (arXiv 2602.03139).
///
/// The first step decides what an image shows, and a loss that seeks modes leaves some out; the teacher's images of the same noise have all of
/// them. g = λ 2 (x̂₀ − y) at the first step, on prompts and noise of the pairs, and that of `later` at the others, on all prompts and new
/// noise. A student of one step learns by regression alone. DP-DMD's `later` is DMD; its targets are latents on the teacher's way after 5 of 30
/// steps, made anew for each batch, and each update has both terms.
public struct FirstStepRegression<Later: DistillationLoss>: DistillationLoss {
    /// "first-step-regression", and the name of the loss of the later steps.
    public static var name: String { "first-step-regression, \(Later.name)" }

    /// The loss of the steps after the first. It determines the timesteps and the fake score's training.
    public var later: Later
    /// λ.
    public var weight = 1.0

    /// Regression at the first step, and `later` at the others.
    public init(_ later: Later) { self.later = later }

    /// Checks the settings of both losses. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(weight, "weight", in: Self.weights)
        try later.check()
    }

    /// Pairs, and the needs of ``later``.
    public var needs: LossNeeds { later.needs.union(.pairs) }
    /// Pairs at the first step, and the needs of ``later`` at the others.
    public func needs(atStep index: Int) -> LossNeeds { index == 0 ? .pairs : later.needs(atStep: index) }
    /// The timesteps of ``later``.
    public var timesteps: Range<Int> { later.timesteps }
    /// Those of ``later``.
    public var guidanceTimesteps: Range<Int>? { later.guidanceTimesteps }
    /// That of ``later``.
    public var usualFakeScoreTraining: FakeScoreTraining { later.usualFakeScoreTraining }
    /// Whether ``later`` does.
    public var couplesSamples: Bool { later.couplesSamples }

    /// The same with ``later`` calibrated.
    public func calibrated(toMeanReward mean: Double) -> FirstStepRegression {
        var result = self
        result.later = later.calibrated(toMeanReward: mean)
        return result
    }

    /// g of each sample, `[batch, height, width, channels]`, with the diagnostics of the loss of the batch's step.
    public func gradient(_ input: LossInput) throws -> LossGradient {
        guard input.batch.studentStep == 0 else { return try later.checkedGradient(input) }
        var regression = PairRegression()
        regression.weight = weight
        var gradient = try regression.gradient(input)
        gradient.memory = input.batch.memory
        return gradient
    }
}

extension FirstStepRegression: Equatable where Later: Equatable {}
