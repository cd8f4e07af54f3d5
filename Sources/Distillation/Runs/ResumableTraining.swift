import Foundation

/// A training whose run a ``RunDirectory`` keeps: it can be stopped after any step and goes on bit for bit.
public protocol ResumableTraining: AnyObject {
    /// What a step reports.
    associatedtype Step: TrainingStep
    /// The settings that it must be resumed with.
    associatedtype Record: Codable & Equatable

    /// The settings. Throws when they cannot be written down.
    func record() throws -> Record
    /// Steps taken so far.
    var stepCount: Int { get }
    /// Takes the next step. Throws ``DistillationError/nonFinite(step:tensor:count:)``.
    func step() throws -> Step
    /// About how many bytes a checkpoint takes.
    var checkpointByteCount: Int { get }
    /// Writes all that the training needs to go on. Throws what the file system throws.
    func saveCheckpoint(to url: URL) throws
    /// Goes back to where ``saveCheckpoint(to:)`` was called. Throws for a file that is no checkpoint of this training, and
    /// changes nothing then.
    func restoreCheckpoint(from url: URL) throws
}

/// A line of a run's metrics.
public protocol TrainingStep: Codable, Sendable {
    /// Which step, from 1.
    var step: Int { get }
}

extension DistillationStep: TrainingStep {}

extension Distiller: ResumableTraining {
    /// What a distillation must be resumed with.
    public struct Record: Codable, Equatable {
        var loss: SavedLoss
        var settings: DistillationConfiguration
        var promptCount: Int
        var pairCount: Int
    }

    /// The loss, the settings, and how many prompts and pairs. Throws ``DistillationError`` for a loss that cannot be written down.
    public func record() throws -> Record {
        Record(
            loss: try SavedLoss(loss), settings: configuration, promptCount: conditions.count,
            pairCount: resources.pairs?.prompts.count ?? 0)
    }
}
