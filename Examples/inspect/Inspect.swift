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
        // So that the error comes after the summary where both go into one file.
        fflush(nil)
        if let first = summary.problems.first {
            throw UnusableModel(path: model, first: "\(first)", others: summary.problems.count - 1)
        }
    }
}

/// What is wrong with a model, after the summary, which names all of it.
private struct UnusableModel: Error, CustomStringConvertible {
    let path: String
    let first: String
    let others: Int

    var description: String { "\(path) cannot be used: \(first)\(others > 0 ? "; and \(others) more" : "")" }
}
