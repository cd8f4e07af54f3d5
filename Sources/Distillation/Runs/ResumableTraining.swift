import DiffusionModels
import Foundation
import Tensor

/// A training whose run is stored in a ``RunDirectory``: it can be stopped after any step and resumed bit for bit.
public protocol ResumableTraining: AnyObject {
    /// The metrics of a step.
    associatedtype Step: TrainingStep
    /// The settings with which it must be resumed.
    associatedtype Record: Codable & Equatable

    /// The settings. Throws when they cannot be encoded.
    func record() throws -> Record
    /// Fingerprints of the training's inputs, which must be the same when it is resumed. The default is empty.
    func contents() throws -> RunContents
    /// The JSON Lines files that it writes with ``RunDirectory/record(_:in:)``. The default is `metrics.jsonl`.
    var metricsFiles: [String] { get }
    /// The number of steps taken so far.
    var stepCount: Int { get }
    /// Takes the next step. Throws ``DistillationError/nonFinite(step:tensor:count:)``.
    func step() throws -> Step
    /// The approximate size of a checkpoint in bytes.
    var checkpointByteCount: Int { get }
    /// Writes all that is needed to resume the training. Throws what the file system throws.
    func saveCheckpoint(to url: URL) throws
    /// Restores the state that ``saveCheckpoint(to:)`` wrote. For a file that is not a checkpoint of this training it throws and
    /// changes nothing.
    func restoreCheckpoint(from url: URL) throws
}

extension ResumableTraining {
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

extension DistillationStep: TrainingStep {}

extension Distiller: ResumableTraining {
    /// The settings with which a distillation must be resumed.
    public struct Record: Codable, Equatable {
        var loss: SavedLoss
        var settings: DistillationConfiguration
        var promptCount: Int
        var pairCount: Int
    }

    /// The loss, the settings, and the numbers of prompts and pairs. Throws for a loss that cannot be encoded.
    public func record() throws -> Record {
        Record(
            loss: try SavedLoss(loss), settings: configuration, promptCount: conditions.count,
            pairCount: resources.pairs?.prompts.count ?? 0)
    }

    /// The teacher's weights and schedule, the initial student and discriminator, the prompts, and the loss's resources.
    public func contents() -> RunContents { initialContents }

    /// Computed before the first step, which changes the initial networks.
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
