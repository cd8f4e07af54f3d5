import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands

/// The sampling options of multi-step models.
struct SamplingOptions: ParsableArguments {
    @Option(
        help: """
            Sampling steps, for multi-step models and students of several steps; with --image, only the fraction --strength of them is made.
            """)
    var steps: Int?
    @Option(help: "Scale of classifier-free guidance; 1 or below means no guidance. Default: 4.5.")
    var guidanceScale: Double?
    @Option(help: "Guidance rescale, which reduces the excess contrast of guidance, 0 to 1. Default: 0.")
    var guidanceRescale: Double?
    @Option(
        help: """
            The negative prompt, from which guidance moves away; with a student of one step or a few, attention guidance, which needs a second \
            attention to the text.
            """)
    var negativePrompt: String?
    @Option(help: "The attention guidance of a student with --negative-prompt: NAG's or NASA's. Default: normalized.")
    var attentionGuidance: AttentionGuidanceKind?
    @Option(help: "Scale of a student's attention guidance. Default: 5 if normalized, 0.2 if subtracted.")
    var attentionGuidanceScale: Double?
    @Option(
        help: ArgumentHelp(
            "The sampler: \(ShippedSamplers.names.joined(separator: ", ")). Default: that of the model's files.",
            valueName: "name"))
    var sampler: String?
    @Option(
        help: "Timestep spacing. Default: that of the model's files.")
    var timestepSpacing: TimestepSpacing?
    @Option(help: "How much noise each step of ddim or tcd adds, 0 to 1. Default: 0.") var eta: Double?
    @Option(help: "Write a preview every so many steps, as OUTPUT.step-N.png.")
    var previewEvery: Int?

    /// The name of an option that was given and that only multi-step models have.
    private var multiStepOption: String? {
        let given: [(name: String, isGiven: Bool)] = [
            ("guidance-scale", guidanceScale != nil), ("guidance-rescale", guidanceRescale != nil),
            ("sampler", sampler != nil), ("timestep-spacing", timestepSpacing != nil), ("eta", eta != nil),
            ("preview-every", previewEvery != nil),
        ]
        return given.first { $0.isGiven }?.name
    }

    func validate() throws {
        if steps == nil, let name = multiStepOption {
            throw ValidationError("--\(name) needs --steps: it applies only to multi-step models")
        }
        try check("--steps", steps, in: 1...1_000_000)
        try check("--guidance-scale", guidanceScale, in: SamplingSettings.guidanceScales)
        try check("--guidance-rescale", guidanceRescale, in: 0...1)
        try check("--attention-guidance-scale", attentionGuidanceScale, in: -100...100)
        if attentionGuidance != nil || attentionGuidanceScale != nil, negativePrompt == nil {
            throw ValidationError("--attention-guidance and --attention-guidance-scale need --negative-prompt")
        }
        try check("--eta", eta, in: 0...1)
        try check("--preview-every", previewEvery, in: 1...1_000_000)
        if let sampler, !ShippedSamplers.names.contains(sampler) {
            throw ValidationError(
                "--sampler: expected one of \(ShippedSamplers.names.joined(separator: ", ")), found \(sampler)")
        }
    }

    /// The sampling for a model: `loaded` without --steps.
    func sampling(of model: TextToImageModel, loaded: PictureSampling?) throws -> PictureSampling {
        guard let steps else { return loaded ?? .oneStep }
        if model.oneStep != nil {
            if let name = multiStepOption {
                throw ValidationError("--\(name) applies only to multi-step models: \(model.name) is a student")
            }
            return .studentSteps(steps)
        }
        let sampler = try model.sampler(named: sampler, timestepSpacing: timestepSpacing, eta: eta, steps: steps)
        return .steps(
            SamplingSettings(
                steps: steps, guidanceScale: guidanceScale ?? 4.5, guidanceRescale: guidanceRescale ?? 0,
                negativePrompt: negativePrompt ?? "", sampler: sampler))
    }

    /// The file of a step's preview; nil if the step has none.
    func preview(of step: DenoisingStep, beside output: URL) -> URL? {
        guard let previewEvery, (step.index + 1) % previewEvery == 0 else { return nil }
        return output.deletingPathExtension().appendingPathExtension("step-\(step.index + 1).png")
    }
}

/// A LoRA file and the weight with which it is merged: `FILE` or `FILE:WEIGHT`.
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

extension TimestepSpacing: ExpressibleByArgument {}
