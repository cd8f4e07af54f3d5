import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands

/// What --count pictures in a row lead to.
struct InterpolationOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: "Another seed, to which --count pictures in one row lead: the noise between is on the sphere.",
        transform: Seed.init)
    var toSeed: Seed?
    @Option(help: "Another prompt, to which --count pictures in one row lead: the embeddings between are on the line.")
    var toPrompt: String?

    func validate() throws { toSeed?.announce("to seed") }

    var isAsked: Bool { toSeed != nil || toPrompt != nil }

    /// The options as the picture's file records them.
    var record: [String: String] {
        var record: [String: String] = [:]
        record["to seed"] = toSeed.map { "\($0.value)" }
        record["to prompt"] = toPrompt
        return record
    }
}
