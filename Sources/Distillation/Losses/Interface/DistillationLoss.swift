/// How a student is told to change: a small value that turns the networks' judgements of its noised picture into a gradient.
///
/// The distiller makes the pictures, noises them, asks the networks for what ``needs`` names, reduces the gradient, clips and
/// steps. A new loss is a new type that conforms, in any package; see <doc:WritingALoss>.
public protocol DistillationLoss: Codable, Sendable {
    /// The name under which a run records the loss.
    static var name: String { get }
    /// What the loss reads; passes that it does not name are not made.
    var needs: LossNeeds { get }
    /// The timesteps from which one is drawn for each sample, evenly.
    var timesteps: Range<Int> { get }
    /// How the fake score learns where the loss was published; a run's settings may say otherwise.
    var usualFakeScoreTraining: FakeScoreTraining { get }
    /// g = ∂L/∂x̂₀ of each sample, before any mean over the batch.
    func gradient(_ input: LossInput) -> LossGradient
}

extension DistillationLoss {
    /// SwiftBrush's.
    public var usualFakeScoreTraining: FakeScoreTraining { FakeScoreTraining() }
}
