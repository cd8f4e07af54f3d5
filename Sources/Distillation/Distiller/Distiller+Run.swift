import DiffusionModels
import SwiftBrushRuntime
import Tensor

extension Distiller: ResumableTraining {
    /// The settings with which a distillation must be resumed.
    public struct Record: Codable, Equatable {
        var loss: SavedLoss
        var settings: DistillationConfiguration
        var promptCount: Int
        var pairCount: Int
    }

    /// The settings that had other names.
    public static let renamedSettings = [
        "fakeScoreHeadStart": "fakeScoreWarmUpSteps", "stepsPerStudentStep": "updatesPerStudentUpdate",
        "drawsNewPictures": "usesNewSamples", "dropsPromptsOneByOne": "dropsPromptsPerSample",
    ]

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
        contents.add("noise schedule", computed: schedule.fingerprint)
        contents.add("prediction type", texts: ["\(schedule.predictionType)"])
        if student.adapters != nil { contents.add("network of the student", weights: student.network.parameters) }
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
