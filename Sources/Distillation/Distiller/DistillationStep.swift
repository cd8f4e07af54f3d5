import Foundation

/// What one step of a distillation reports.
public struct DistillationStep: Codable, Sendable, Equatable {
    /// Which step, from 1.
    public let step: Int
    /// Pictures that the student has drawn so far.
    public let samplesSeen: Int
    /// ½ mean(g²): the value of the surrogate whose gradient the student follows.
    public let studentLoss: Double
    /// The fake score's loss, the mean over its turns in this step.
    public let fakeScoreLoss: Double
    /// The student's global gradient norm before clipping.
    public let studentGradientNorm: Double
    /// The fake score's, the mean over its turns.
    public let fakeScoreGradientNorm: Double
    /// The discriminator's loss, the mean over its turns; nil without one.
    public let discriminatorLoss: Double?
    /// What the loss reports, by name.
    public let diagnostics: [String: Double]
    /// Wall-clock time.
    public let seconds: Double
    /// The most memory that the process has held so far.
    public let peakBytes: Int
}

/// The most memory that this process has held.
package func peakResidentBytes() -> Int {
    var usage = rusage()
    let ownProcess: Int32 = 0  // RUSAGE_SELF, whose type differs between the systems
    getrusage(ownProcess, &usage)
    #if canImport(Darwin)
        return usage.ru_maxrss
    #else
        return usage.ru_maxrss * 1024
    #endif
}
