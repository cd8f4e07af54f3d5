/// The inputs that a loss reads: predictions of the networks, their Jacobians, and resources.
public struct LossNeeds: OptionSet, Sendable {
    /// The option set's bits.
    public let rawValue: Int

    /// A set of the given bits.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// The teacher's prediction for the prompt.
    public static let teacher = LossNeeds(rawValue: 1)
    /// The teacher's prediction for the empty prompt.
    public static let unconditionalTeacher = LossNeeds(rawValue: 2)
    /// Gradients through the teacher's predictions to x_t.
    public static let teacherJacobian = LossNeeds(rawValue: 4)
    /// The fake score's prediction for the prompt.
    public static let fakeScore = LossNeeds(rawValue: 8)
    /// The fake score's prediction for the empty prompt.
    public static let unconditionalFakeScore = LossNeeds(rawValue: 16)
    /// Gradients through the fake score's predictions to x_t.
    public static let fakeScoreJacobian = LossNeeds(rawValue: 32)
    /// A ``Discriminator``, which is trained together with the fake score on ``realLatents``.
    public static let discriminator = LossNeeds(rawValue: 64)
    /// A decoder from latents to images.
    public static let decoder = LossNeeds(rawValue: 128)
    /// An ``ImageTextReward``.
    public static let reward = LossNeeds(rawValue: 256)
    /// ``RealLatents``.
    public static let realLatents = LossNeeds(rawValue: 512)
    /// ``TeacherPairs``: the student gets their noise, and the loss their images.
    public static let pairs = LossNeeds(rawValue: 1024)
    /// The student is evaluated at x_t of real latents instead of at noise; the networks are evaluated on the same x_t.
    public static let noisedData = LossNeeds(rawValue: 2048)

    /// The teacher's prediction, and the unconditional one if the guidance scale is not 1.
    public static func teacher(guidedBy scale: Double) -> LossNeeds {
        scale == 1 ? .teacher : [.teacher, .unconditionalTeacher]
    }

    /// The fake score's prediction, and the unconditional one if the guidance scale is not 1.
    public static func fakeScore(guidedBy scale: Double) -> LossNeeds {
        scale == 1 ? .fakeScore : [.fakeScore, .unconditionalFakeScore]
    }

    /// The needs without the predictions whose Jacobian is needed.
    var withoutJacobians: LossNeeds {
        var needs = self
        if contains(.teacherJacobian) { needs.subtract([.teacher, .unconditionalTeacher, .teacherJacobian]) }
        if contains(.fakeScoreJacobian) {
            needs.subtract([.fakeScore, .unconditionalFakeScore, .fakeScoreJacobian])
        }
        return needs
    }
}
