import ArgumentParser
import SwiftBrushCommands

@main
struct Evaluate: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures pictures as the field does, and trains what small ones are measured with.",
        subcommands: [EvaluatePictures.self, EvaluateTable.self, TrainAlignment.self],
        defaultSubcommand: EvaluatePictures.self)
}
