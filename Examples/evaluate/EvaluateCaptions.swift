import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import SwiftBrushEvaluation

struct EvaluateCaptions: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "captions",
        abstract: "Compares folders of images, caption by caption, with all right images of the caption.",
        discussion: """
            For captions with many right images: the text or the group of reference images. One row per folder, the means over its \
            captions: Fréchet distance, precision, recall, density and coverage in the classifier's features, the share of images with \
            the caption's attributes, the entropy of the other attributes, sharpness, and the distance to the nearest training image. \
            Captions with fewer than six images or right images have only the last four. \
            With --output the values of each caption are written to captions.json.
            """)

    @Argument(help: "The folders of the images to evaluate.")
    var pictures: [URL]

    @Option(help: "The reference: a folder of images with attributes.")
    var reference: URL

    @Option(help: "The classifier that train-classifier wrote.")
    var classifier: URL

    @Option(help: "The folder of captions.json and of cached features, with which a stopped evaluation can be resumed.")
    var output: URL?

    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func run() throws {
        for folder in pictures { try checkInput(folder, "the folder") }
        try checkInput(reference, "--reference")
        try checkInput(classifier, "--classifier")
        try checkOutput(folder: output, "--output")
        let claimed = try output.map { try ResultFolder($0, of: "evaluation", writing: ["captions.json"]) }
        defer { withExtendedLifetime(claimed) {} }
        let folders = try pictures.map { try PictureFolder(contentsOf: $0) }
        let evaluation = try CaptionEvaluation(
            by: PictureClassifier(contentsOf: classifier), against: PictureFolder(contentsOf: reference),
            keptIn: output?.appending(path: "reference-features"))
        var table = CaptionTable()
        for (folder, name) in zip(folders, EvaluationTable.names(of: folders.map(\.url))) {
            let store = output?.appending(path: name).appending(path: "pictures-features")
            table.add(try evaluation.metrics(of: folder, keptIn: store), named: name)
        }
        print(table)
        if let output { try table.save(to: output.appending(path: "captions.json")) }
    }
}
