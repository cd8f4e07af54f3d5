import ArgumentParser
import SwiftBrushCommands

@main
struct Evaluate: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Evaluates images with standard metrics, and trains the text-picture alignment for small images.",
        subcommands: [
            EvaluatePictures.self, EvaluateTable.self, EvaluateCaptions.self, TrainAlignment.self, TrainClassifier.self,
        ],
        defaultSubcommand: EvaluatePictures.self)
}
