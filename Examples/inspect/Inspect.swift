import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands

@main
struct Inspect: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Says what a model, a LoRA or an autoencoder holds and what is wrong with it."
    )

    @Argument(help: "A diffusers folder or a safetensors file.")
    var model: String

    func run() throws {
        let summary = CheckpointSummary(of: URL(filePath: model))
        print(summary)
        if !summary.problems.isEmpty { throw ExitCode(1) }
    }
}
