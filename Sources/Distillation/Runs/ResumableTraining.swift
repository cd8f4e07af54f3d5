import DiffusionModels
import Foundation
import Tensor

/// A training whose run a ``RunDirectory`` keeps: it can be stopped after any step and goes on bit for bit.
public protocol ResumableTraining: AnyObject {
    /// What a step reports.
    associatedtype Step: TrainingStep
    /// The settings that it must be resumed with.
    associatedtype Record: Codable & Equatable

    /// The settings. Throws when they cannot be written down.
    func record() throws -> Record
    /// What it learns from, which must be the same when it is resumed. Nothing unless the training says what.
    func contents() throws -> RunContents
    /// The files of JSON lines that it writes by ``RunDirectory/record(_:in:)``; `metrics.jsonl` unless the training names others too.
    var metricsFiles: [String] { get }
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

extension ResumableTraining {
    /// Nothing.
    public func contents() throws -> RunContents { RunContents() }
    /// `metrics.jsonl`.
    public var metricsFiles: [String] { [RunDirectory.metricsName] }
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

    /// The teacher's weights and schedule, what student and discriminator start from, the prompts, and what the loss needs besides.
    public func contents() -> RunContents { initialContents }

    /// Looked at before the first step, which changes what the networks start from.
    static func contents(
        student: OneStepStudent, teacher: any DenoisingNetwork, schedule: NoiseSchedule, conditions: PromptConditions,
        resources: DistillationResources
    ) -> RunContents {
        var contents = RunContents()
        contents.add("teacher", weights: teacher.parameters)
        let alphas = Tensor(schedule.cumulativeAlphas.map { Float($0) }, shape: [schedule.cumulativeAlphas.count])
        contents.add("noise schedule", computed: [alphas])
        contents.add("prediction type", texts: ["\(schedule.predictionType)"])
        contents.add("start of the student", computed: student.parameters.all.map(\.value))
        if let texts = conditions.texts { contents.add("prompts", texts: texts) }
        contents.add("prompt embeddings", computed: conditions.sample)
        if let pairs = resources.pairs {
            contents.add("pairs", computed: [pairs.noise, pairs.pictures])
            contents.add("prompts of the pairs", texts: pairs.prompts.map(String.init))
        }
        if let real = resources.realLatents {
            contents.add("real latents", computed: [real.latents])
            contents.add("prompts of the real latents", texts: real.prompts.map(String.init))
        }
        if let discriminator = resources.discriminator {
            contents.add("start of the discriminator", computed: discriminator.parameters.all.map(\.value))
        }
        if let reward = resources.reward?.weights { contents.add("reward", computed: reward.all.map(\.value)) }
        if let decoder = resources.decoder?.parameters, !decoder.all.isEmpty {
            contents.add("decoder", weights: decoder)
        }
        return contents
    }
}
