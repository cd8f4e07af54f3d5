import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands

/// The options of an interpolation over --count images.
struct InterpolationOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: "Interpolate from --seed to this seed in --count images (spherical interpolation of the noise).",
        transform: Seed.init)
    var toSeed: Seed?
    @Option(help: "Interpolate from the prompt to this prompt in --count images (linear interpolation of embeddings).")
    var toPrompt: String?

    func validate() throws { toSeed?.announce("to seed") }

    var isGiven: Bool { toSeed != nil || toPrompt != nil }

    /// The options as recorded in the image file.
    var record: [String: String] {
        var record: [String: String] = [:]
        record["to seed"] = toSeed.map { "\($0.value)" }
        record["to prompt"] = toPrompt
        return record
    }
}
