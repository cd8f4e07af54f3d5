import ArgumentParser
import DiffusionModels
import Foundation

/// What --count pictures in a row lead to.
struct InterpolationOptions: ParsableArguments {
    @Option(help: "Another seed, to which --count pictures in one row lead: the noise between is on the sphere.")
    var toSeed: UInt64?
    @Option(help: "Another prompt, to which --count pictures in one row lead: the embeddings between are on the line.")
    var toPrompt: String?

    var isAsked: Bool { toSeed != nil || toPrompt != nil }

    /// The options as the picture's file records them.
    var record: [String: String] {
        var record: [String: String] = [:]
        record["to seed"] = toSeed.map { "\($0)" }
        record["to prompt"] = toPrompt
        return record
    }
}
