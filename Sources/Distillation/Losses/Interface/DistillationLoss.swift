/// A distillation loss: maps the teacher's and the fake score's predictions on a noised sample to a gradient with respect to the
/// student's output.
///
/// The distiller generates the samples, noises them, evaluates the networks as ``needs`` declares, reduces and clips the gradient and
/// takes the optimiser's step. A new loss is a type that conforms, in any package; see <doc:WritingALoss>.
public protocol DistillationLoss: Codable, Sendable {
    /// The name under which a run records the loss.
    static var name: String { get }
    /// The inputs that the loss reads; passes that it does not declare are not computed.
    var needs: LossNeeds { get }
    /// The inputs that it reads at one of the student's steps, counted from 0: ``needs``, unless it is another loss there.
    func needs(atStep index: Int) -> LossNeeds
    /// The range from which a timestep is sampled uniformly for each sample.
    var timesteps: Range<Int> { get }
    /// The range of the timesteps at which ``LossInput/guidance`` is evaluated, on samples that are noised once more; nil, the default, for
    /// a loss that does not read it.
    var guidanceTimesteps: Range<Int>? { get }
    /// Whether the gradient of a sample depends on other samples of the batch, as with statistics of the batch, or the loss has a memory. A
    /// batch that is computed in parts is put together for such a loss. The default is true, which is right for any loss; false saves a
    /// pass of the student where it is true of the loss, which its contract checks.
    var couplesSamples: Bool { get }
    /// The fake score's training in the loss's publication; a run's settings may override it.
    var usualFakeScoreTraining: FakeScoreTraining { get }
    /// Throws ``DistillationError`` for a setting of the loss that is out of range. It is called before any work. The default does nothing.
    func check() throws
    /// g = ∂L/∂x̂₀ of each sample, before any mean over the batch. An error ends the step, and leaves the distiller as it was before.
    func gradient(_ input: LossInput) throws -> LossGradient
    /// The loss for a reward that is `mean` on average for the teacher's own images: a loss with a threshold of the reward sets it to that.
    /// The default returns the loss itself.
    func calibrated(toMeanReward mean: Double) -> Self
}

extension DistillationLoss {
    /// Nothing.
    public func check() throws {}

    /// ``needs``.
    public func needs(atStep index: Int) -> LossNeeds { needs }

    /// Nil.
    public var guidanceTimesteps: Range<Int>? { nil }

    /// True, which is right for any loss.
    public var couplesSamples: Bool { true }

    /// The loss itself.
    public func calibrated(toMeanReward mean: Double) -> Self { self }

    /// ``gradient(_:)``, whose value must have the shape of x̂₀.
    ///
    /// Throws ``LossGradientError``, and what the loss throws.
    package func checkedGradient(_ input: LossInput) throws -> LossGradient {
        let gradient = try gradient(input)
        guard gradient.value.shape == input.original.shape else {
            throw LossGradientError(loss: Self.name, expected: input.original.shape, found: gradient.value.shape)
        }
        return gradient
    }

    /// SwiftBrush's training of the fake score.
    public var usualFakeScoreTraining: FakeScoreTraining { FakeScoreTraining() }
}
