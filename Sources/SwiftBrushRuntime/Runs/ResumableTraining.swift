import Foundation

/// A training whose run is stored in a ``RunDirectory``: it can be stopped after any step and resumed bit for bit.
public protocol ResumableTraining: AnyObject, SendableMetatype {
    /// The metrics of a step.
    associatedtype Step: TrainingStep
    /// The settings with which it must be resumed.
    associatedtype Record: Codable & Equatable

    /// The names of settings that had other names in runs of earlier versions, by those names. The default is empty.
    static var renamedSettings: [String: String] { get }
    /// The settings. Throws when they cannot be encoded.
    func record() throws -> Record
    /// Fingerprints of the training's inputs, which must be the same when it is resumed. The default is empty.
    func contents() throws -> RunContents
    /// The JSON Lines files that it writes with ``RunDirectory/record(_:in:)``. The default is `metrics.jsonl`.
    var metricsFiles: [String] { get }
    /// The processes that take each step together. The default is one process.
    var group: any ProcessGroup { get }
    /// The number of steps taken so far.
    var stepCount: Int { get }
    /// Takes the next step. Throws ``RunError/nonFinite(step:tensor:count:)``.
    func step() throws -> Step
    /// The approximate size of a checkpoint in bytes.
    var checkpointByteCount: Int { get }
    /// Whether the processes divide what a checkpoint contains among themselves. All then call ``saveCheckpoint(to:)``, which writes the file
    /// in the process with rank 0, and ``gatherAverages()``. The default is false.
    var shardsOptimizer: Bool { get }
    /// Gives every process what sample grids and results need of the others, until the next step begins. The default does nothing.
    func gatherAverages() throws
    /// Writes all that is needed to resume the training. Throws what the file system throws.
    func saveCheckpoint(to url: URL) throws
    /// Restores the state that ``saveCheckpoint(to:)`` wrote. For a file that is not a checkpoint of this training it throws and
    /// changes nothing.
    func restoreCheckpoint(from url: URL) throws
}

extension ResumableTraining {
    /// No renamed settings.
    public static var renamedSettings: [String: String] { [:] }
    /// One process.
    public var group: any ProcessGroup { SingleProcess() }
    /// False.
    public var shardsOptimizer: Bool { false }
    /// Does nothing.
    public func gatherAverages() throws {}
    /// No contents.
    public func contents() throws -> RunContents { RunContents() }
    /// `metrics.jsonl`.
    public var metricsFiles: [String] { [RunDirectory.metricsName] }
}

/// The metrics of one step, a line of a metrics file.
public protocol TrainingStep: Codable, Sendable {
    /// The number of the step, from 1.
    var step: Int { get }
}
