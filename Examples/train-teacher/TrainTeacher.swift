import ArgumentParser
import SwiftBrushCommands

@main
struct TrainTeacher: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "train-teacher",
        abstract: "Trains a small text-to-image model on captioned images, and measures its x0 errors.",
        subcommands: [Train.self, MeasureErrors.self, WriteReport.self], defaultSubcommand: Train.self)
}
