import ArgumentParser
import SwiftBrushCommands

@main
struct TrainTeacher: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "train-teacher",
        abstract: "Trains a small text-to-image model on captioned pictures, and tells how good it is.",
        subcommands: [Train.self, MeasureErrors.self, WriteReport.self], defaultSubcommand: Train.self)
}
