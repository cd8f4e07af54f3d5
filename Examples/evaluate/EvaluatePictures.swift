import ArgumentParser
import Foundation
import SwiftBrushCommands
import SwiftBrushEvaluation

struct EvaluatePictures: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "pictures", abstract: "Compares a folder of images with a reference and with their captions.",
        discussion: """
            Images are PNG or JPEG files: all in the folder, or those in its metadata.jsonl, one line per image: {"file_name": "a.png", \
            "text": "its caption"}. Transparency is dropped and EXIF orientation is not applied, as in pytorch-fid and clean-fid. \
            Without --inception the features are EfficientNet-Lite0's, whose distances are not FID and must not be reported as FID.

            The COCO-2014 30K protocol, with 30,000 captioned images against all of val-2014:
              evaluate GENERATED --reference val2014 --crop 256 --inception pt_inception.safetensors --resizing clean \
            --clip CLIP-ViT-g-14-laion2B-s12B-b42K --text-prefix "A photo depicts " --output runs/coco
            """)

    @Argument(help: "The folder of the images to evaluate.")
    var pictures: URL

    @Option(help: "A text file with one caption per line, in the order of the images' names.")
    var captions: URL?

    @Option(help: "Evaluate only the images of this split in metadata.jsonl, such as held-out.")
    var split: String?

    @Option(help: "The maximum number of images to evaluate. Default: all.")
    var count: Int?

    @OptionGroup var options: EvaluationOptions

    @Option(help: "Write the images' statistics to this .npz file, for later runs or pytorch-fid.")
    var saveStatistics: URL?

    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func validate() throws {
        try check("--count", count, in: 1...1_000_000_000)
    }

    func run() throws {
        try checkInput(pictures, "the folder")
        try checkInput(captions, "--captions")
        try checkOutput(file: saveStatistics, "--save-statistics")
        try options.checkPaths()
        let claimed = try options.claimedFolder()
        defer { withExtendedLifetime(claimed) {} }
        var folder = try PictureFolder(contentsOf: pictures)
        if let captions { folder = try folder.captioned(by: captions) }
        if let split { folder = try folder.split(split) }
        if let count { folder = folder.prefix(count) }
        let evaluation = try options.evaluation(of: [folder])
        EvaluationOptions.warn(evaluation.warnings(of: folder))
        let features = try evaluation.features(of: folder, keptIn: options.output)
        if let saveStatistics { try features.statistics().save(to: saveStatistics) }
        let report = try evaluation.report(of: folder, features, metrics: options.metrics, keptIn: options.output)
        print(report)
        if let output = options.output { try report.save(to: output.appending(path: "report.json")) }
    }
}
