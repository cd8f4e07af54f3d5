import Foundation
import Tensor

/// What a model's folder holds, in a screen of text, and what is wrong with it. Weights' headers are read, not their numbers.
public struct CheckpointSummary: CustomStringConvertible {
    /// A heading and what stands under it, a line each.
    public private(set) var lines: [(heading: String, text: String)] = []
    /// What keeps the model from being used, a sentence each; empty when nothing does.
    public private(set) var problems: [String] = []

    /// Looks into a folder. Nothing is thrown: what cannot be read is a problem.
    public init(of url: URL) {
        guard let model = attempt({ try ModelCheckpoint(contentsOf: url) }) else { return }
        lines.append((heading: "folder", text: url.lastPathComponent))
        summarizeSchedule(model)
        summarizeUNet(model)
        summarizeAutoencoder(model)
        summarizeText(model)
        guard problems.isEmpty else { return }
        _ = attempt { try TextToImageModel(contentsOf: url).promptEncoder() }
    }

    /// A line a heading, then the problems.
    public var description: String {
        let width = (lines.map(\.heading.count).max() ?? 0) + 2
        let table = lines.map { $0.heading.padding(toLength: width, withPad: " ", startingAt: 0) + $0.text }
        let verdict = problems.isEmpty ? ["nothing is wrong with it"] : problems.map { "wrong: \($0)" }
        return (table + verdict).joined(separator: "\n")
    }

    private mutating func attempt<Result>(_ body: () throws -> Result) -> Result? {
        do {
            return try body()
        } catch {
            problems.append("\(error)")
            return nil
        }
    }

    private mutating func summarizeSchedule(_ model: ModelCheckpoint) {
        if let step = model.oneStep {
            lines.append((heading: "kind", text: "one-step student at timestep \(step.timestep)"))
        } else {
            lines.append((heading: "kind", text: "multi-step model"))
        }
        guard let schedule = attempt({ try model.schedule() }) else { return }
        let configuration = schedule.configuration
        lines.append(
            (
                heading: "schedule",
                text: "\(configuration.className): \(configuration.betaSchedule.rawValue), "
                    + "\(schedule.timestepCount) timesteps, predicts \(schedule.predictionType.rawValue)"
            ))
    }

    private mutating func summarizeUNet(_ model: ModelCheckpoint) {
        guard
            let configuration = attempt({ try UNet2DConditionModel.Configuration(model.layout.fields(.unet)) })
        else { return }
        let size = configuration.sampleSize.map { "\($0.height) × \($0.width)" } ?? "of unnamed size"
        lines.append(
            (
                heading: "unet",
                text:
                    "latents \(configuration.inputChannels) × \(size), channels \(configuration.blockChannels), heads "
                    + "\(configuration.headCounts), text width \(Set(configuration.crossAttentionWidths).sorted())"
            ))
        summarizeWeights(of: .unet, model)
    }

    private mutating func summarizeAutoencoder(_ model: ModelCheckpoint) {
        guard let configuration = attempt({ try AutoencoderKL.Configuration(model.layout.fields(.vae)) }) else {
            return
        }
        lines.append(
            (
                heading: "vae",
                text: "\(configuration.pixelsPerLatent) pixels a latent, channels \(configuration.blockChannels), "
                    + "scaling factor \(configuration.scalingFactor)"
            ))
        summarizeWeights(of: .vae, model)
    }

    private mutating func summarizeText(_ model: ModelCheckpoint) {
        if let tokenizer = attempt({ try model.tokenizer() }) {
            lines.append(
                (
                    heading: "tokenizer",
                    text: "\(tokenizer.vocabularySize) tokens, prompts of \(tokenizer.maximumLength), padded with "
                        + "\(tokenizer.paddingToken)"
                ))
        }
        guard let configuration = attempt({ try CLIPTextModel.Configuration(model.layout.fields(.textEncoder)) }) else {
            return
        }
        lines.append(
            (
                heading: "text encoder",
                text: "\(configuration.layers) layers, width \(configuration.width), \(configuration.heads) heads, "
                    + configuration.activation.rawValue
            ))
        summarizeWeights(of: .textEncoder, model)
    }

    private mutating func summarizeWeights(of part: ModelCheckpoint.Part, _ model: ModelCheckpoint) {
        guard let weights = attempt({ try model.layout.weights(part) }) else { return }
        let count = weights.names.reduce(0) { $0 + (weights.shape(of: $1)?.reduce(1, *) ?? 0) }
        let millions = String(format: "%.2f", Double(count) / 1e6)
        lines.append(
            (heading: "", text: "\(millions) M parameters in \(weights.storedTypes.joined(separator: ", "))"))
    }
}
