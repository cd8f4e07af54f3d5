import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands

@main
struct Inspect: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Reports the contents and problems of a model, a LoRA or an autoencoder."
    )

    @Argument(help: "A diffusers folder or a safetensors file.")
    var model: URL?
    @Flag(help: "List the published models of few steps that are recognised, and how they are sampled.") var students =
        false

    func validate() throws {
        if (model == nil) != students {
            throw ValidationError("expected a folder or file, or --students, and not both")
        }
    }

    func run() throws {
        guard let model else {
            PublishedStudent.all.forEach { print($0) }
            return
        }
        let summary = CheckpointSummary(of: model)
        print(summary)
        // So that the error comes after the summary if both go to the same file.
        fflush(nil)
        if let first = summary.problems.first {
            throw UnusableModel(path: model.relativePath, first: "\(first)", others: summary.problems.count - 1)
        }
    }
}

/// The error for a model with problems; the summary, printed before, lists all of them.
private struct UnusableModel: Error, CustomStringConvertible {
    let path: String
    let first: String
    let others: Int

    var description: String { "\(path) cannot be used: \(first)\(others > 0 ? "; and \(others) more" : "")" }
}
