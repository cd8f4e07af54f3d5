import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands

/// What only a multi-step model is asked.
struct SamplingOptions: ParsableArguments {
    @Option(help: "Steps of the sampler, for multi-step models; with --image only the share --strength is made.")
    var steps: Int?
    @Option(help: "How strongly the sampler follows the prompt: 1 is no guidance. Default: 4.5.")
    var guidanceScale: Double?
    @Option(help: "What the picture is guided away from.") var negativePrompt: String?
    @Option(help: "How a step is made: \(SamplingMethod.names.joined(separator: ", ")). Default: ddim.")
    var method: SamplingMethod?
    @Option(
        help: "Which timesteps few steps visit: leading, trailing or linspace. Default: what the model's files say.")
    var timestepSpacing: TimestepSpacing?
    @Option(help: "Write what the picture will be after every so many steps, as OUTPUT-step-N.png.")
    var previewEvery: Int?

    func validate() throws {
        let given: [(name: String, isGiven: Bool)] = [
            ("guidance-scale", guidanceScale != nil), ("negative-prompt", negativePrompt != nil),
            ("method", method != nil), ("timestep-spacing", timestepSpacing != nil),
            ("preview-every", previewEvery != nil),
        ]
        if steps == nil, let name = given.first(where: { $0.isGiven })?.name {
            throw ValidationError("--\(name) needs --steps: a one-step student has its guidance built in")
        }
    }

    func samples(
        of model: TextToImageModel, _ prompts: [String], seed: UInt64, start: SamplingStart,
        embeddings: PromptEmbeddings
    ) throws -> DiffusionSampler {
        try model.samples(
            for: prompts, steps: steps ?? 1, guidanceScale: guidanceScale ?? 4.5, seed: seed,
            negativePrompt: negativePrompt ?? "", method: method ?? .ddim(), start: start, embeddings: embeddings)
    }

    /// Where a step's preview goes, nil when it gets none.
    func preview(of step: DenoisingStep, beside output: URL) -> URL? {
        guard let previewEvery, (step.index + 1) % previewEvery == 0 else { return nil }
        return output.deletingPathExtension().appendingPathExtension("step-\(step.index + 1).png")
    }

    /// How the pictures are made.
    var sampling: PictureSampling {
        guard let steps else { return .oneStep }
        return .steps(
            steps, guidanceScale: guidanceScale ?? 4.5, negativePrompt: negativePrompt ?? "", method: method ?? .ddim())
    }

    func setSpacing(of model: inout TextToImageModel) {
        guard let timestepSpacing else { return }
        var configuration = model.schedule.configuration
        configuration.timestepSpacing = timestepSpacing
        model.schedule = NoiseSchedule(configuration)
    }
}

/// A LoRA file and how strongly it is merged: `FILE` or `FILE:WEIGHT`.
struct WeightedAdapter: ExpressibleByArgument, CustomStringConvertible {
    let file: URL
    let weight: Float

    init(argument: String) {
        let colon = argument.lastIndex(of: ":")
        let number = colon.flatMap { Float(argument[argument.index(after: $0)...]) }
        file = URL(filePath: number == nil ? argument : String(argument[..<(colon ?? argument.endIndex)]))
        weight = number ?? 1
    }

    var description: String { "\(file.lastPathComponent):\(weight)" }
}

extension SamplingMethod: ExpressibleByArgument {
    /// The method of a name.
    public init?(argument: String) { self.init(name: argument) }
}

extension PredictionType: ExpressibleByArgument {}

extension TimestepSpacing: ExpressibleByArgument {}
