import Tensor

/// How a student is told to change: a small value that turns two judgements of its noised picture into a gradient.
///
/// The distiller makes the pictures, noises them, asks the networks for what ``needs`` names, reduces the gradient to a mean
/// over all elements, clips and steps. A new loss is a new type that conforms.
public protocol DistillationLoss: Codable, Sendable {
    /// The name under which a run records the loss.
    static var name: String { get }
    /// Which passes through the networks the loss reads; others are not made.
    var needs: JudgementNeeds { get }
    /// The timesteps from which one is drawn for each sample, evenly.
    var timesteps: Range<Int> { get }
    /// g = ∂L/∂x̂₀ of each sample, before any mean; the shape of ``JudgedSample/original``.
    func gradient(_ judged: JudgedSample) -> Tensor
}

/// Passes through the networks beyond the teacher's conditional one, which is always made.
public struct JudgementNeeds: OptionSet, Sendable {
    /// The bits.
    public let rawValue: Int

    /// A set of the given bits.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// The teacher's prediction for the empty prompt.
    public static let unconditionalTeacher = JudgementNeeds(rawValue: 1)
    /// The fake score's prediction for the prompt.
    public static let fakeScore = JudgementNeeds(rawValue: 2)
    /// The fake score's prediction for the empty prompt.
    public static let unconditionalFakeScore = JudgementNeeds(rawValue: 4)
}
