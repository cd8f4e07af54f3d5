import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import SwiftBrushEvaluation

struct TrainClassifier: ComputingCommand {
    static let configuration = CommandConfiguration(
        abstract: "Trains the classifier of attributes for small images on real images.",
        discussion: """
            metadata.jsonl gives each image's attributes, {"file_name": "b.png", "attributes": {"letter": "B", "ink": "red"}}. Images \
            whose split is not "train" are held out; the share of them whose attributes are recognised is printed.
            """)

    @Argument(help: "A folder of PNG or JPEG files with metadata.jsonl.")
    var data: URL

    @Option(help: "The file to which the classifier is written.")
    var output: URL

    @Option(help: "The number of passes over all images.")
    var epochs = PictureClassifier.Training().epochs

    @OptionGroup var seeds: SeedOptions

    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func validate() throws { try check("--epochs", epochs, in: 1...100_000) }

    func run() throws {
        try checkInput(data, "the folder")
        try checkOutput(file: output, "--output")
        let folder = try PictureFolder(contentsOf: data)
        EvaluationOptions.warn(folder.warnings)
        let train = folder.filter { ($0.split ?? "train") == "train" }
        let heldOut = folder.filter { ($0.split ?? "train") != "train" }
        var training = PictureClassifier.Training()
        (training.epochs, training.seed) = (epochs, seeds.value)
        let progress = ProgressLine()
        let classifier = try PictureClassifier(training: train, training) { step, steps, loss in
            progress.show(Double(step) / Double(steps), "step \(step) of \(steps): loss \(loss)")
        }
        progress.finish()
        try classifier.save(to: output)
        for (name, part) in [("training", train), ("held-out", heldOut)] where !part.entries.isEmpty {
            let shares = try classifier.accuracy(on: part).sorted { $0.key < $1.key }
            let texts = shares.map { String(format: "%@ %.3f", $0.key, $0.value) }
            print("recognised in \(part.entries.count) \(name) images: " + texts.joined(separator: ", "))
        }
    }
}
