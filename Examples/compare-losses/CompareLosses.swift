import ArgumentParser
import Distillation
import SwiftBrushCommands

@main
struct CompareLosses: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare-losses",
        abstract: "Compares several losses from the same start and seed.",
        subcommands: [ComparePoints.self, ComparePictures.self, CompareScores.self])
}

extension PublishedLoss: ExpressibleByArgument {}
