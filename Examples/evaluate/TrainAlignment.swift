import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import SwiftBrushEvaluation

struct TrainAlignment: ComputingCommand {
    static let configuration = CommandConfiguration(
        abstract: "Trains the text-picture alignment model for small images on real images with captions.",
        discussion: """
            Images whose split in metadata.jsonl is not "train" are held out; after training, retrieval by their captions is \
            evaluated among them and among all images.
            """)

    @Argument(help: "A folder of PNG or JPEG files with metadata.jsonl.")
    var data: URL

    @Option(help: "The weights of EfficientNet-Lite0. Default: those in Examples/Models.")
    var efficientnet: URL?

    @Option(help: "The file to which the alignment model is written.")
    var output: URL

    @Option(help: "The number of steps, each over all images.")
    var steps = SmallPictureAlignment.Training().steps

    @OptionGroup var seeds: SeedOptions

    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func validate() throws { try check("--steps", steps, in: 1...1_000_000) }

    func run() throws {
        try checkInput(data, "the folder")
        try checkInput(efficientnet, "--efficientnet")
        try checkOutput(file: output, "--output")
        let network = try EfficientNetLite0(
            contentsOf: efficientnet ?? ExampleModels.url("efficientnet-lite0/model.safetensors"))
        let folder = try PictureFolder(contentsOf: data)
        EvaluationOptions.warn(folder.warnings)
        let train = folder.filter { ($0.split ?? "train") == "train" }
        let heldOut = folder.filter { ($0.split ?? "train") != "train" }
        var training = SmallPictureAlignment.Training()
        (training.steps, training.seed) = (steps, seeds.value)
        let trainFeatures = try features(of: train, network)
        let progress = ProgressLine()
        let alignment = try SmallPictureAlignment(
            training: train.entries, features: trainFeatures, network: network, training
        ) { step, loss in
            progress.show(Double(step) / Double(steps), "step \(step) of \(steps): loss \(loss)")
        }
        progress.finish()
        try alignment.save(to: output)
        guard !heldOut.entries.isEmpty else { return }
        let own = try features(of: heldOut, network)
        for (name, set) in [("themselves", own), ("all images", try own.appending(trainFeatures))] {
            let found = try RetrievalScore(set, captions: heldOut.captions(), by: alignment)
            let shares = [1, 5, 10].map { String(format: "R@%d %.3f", $0, found.share(within: $0)) }
            print(
                "\(heldOut.entries.count) held-out captions among \(name), \(set.count):",
                shares.joined(separator: ", "))
        }
        let score = try AlignmentScore(own, captions: heldOut.captions(), by: alignment)
        let shuffled = try heldOut.captions().suffix(1) + heldOut.captions().dropLast()
        let other = try AlignmentScore(own, captions: Array(shuffled), by: alignment)
        print(
            String(
                format: "alignment of held-out pairs %.3f, with their neighbours' captions %.3f", score.mean, other.mean
            ))
    }

    private func features(of folder: PictureFolder, _ network: any FeatureNetwork) throws -> Features {
        var extraction = try FeatureExtraction(of: folder, by: network)
        while try extraction.next() != nil {}
        return try extraction.features()
    }
}
