import ArgumentParser
import DiffusionModels
import Evaluation
import Foundation
import SwiftBrushCommands

/// How pictures are measured, and what they are compared with.
struct EvaluationOptions: ParsableArguments {
    @Option(help: "A folder of pictures to compare with, or saved statistics (.npz).")
    var reference: String?

    @Option(
        parsing: .upToNextOption, help: "frechet, frechet-floor, kernel, precision-recall, diversity.")
    var metrics: [FeatureMetric] = []

    @Option(help: "Compare only with the reference pictures of this split.")
    var referenceSplit: String?

    @Option(help: "Bring every picture's middle square to this side first, by Lanczos in 8 bits.")
    var crop: Int?

    @Flag(help: "Do not compare pictures with their captions.")
    var skipAlignment = false

    @OptionGroup var networks: NetworkOptions

    @Option(help: "A folder for the report and for features, which another call takes over: stop it whenever you like.")
    var output: String?

    func validate() throws {
        if reference == nil, metrics.contains(where: { $0 != .diversity }) {
            throw ValidationError("These metrics compare with a --reference.")
        }
        try check("--crop", crop, in: 1...16_384)
    }

    /// Looks whether there is what the options name, and whether the folder can be written. Throws `ValidationError`.
    func checkPaths() throws {
        try checkInput(reference.map { URL(filePath: $0) }, "--reference")
        try networks.checkPaths()
        try checkOutput(folder: folder, "--output")
    }

    /// The folder of everything that is kept.
    var folder: URL? { output.map { URL(filePath: $0) } }

    /// Warnings on standard error, before hours are spent; the report has them too.
    static func say(_ warnings: [String]) {
        for warning in warnings { StandardError.write(line: "warning: \(warning)") }
    }

    /// Takes the folder of everything that is kept, nil without one. Throws `FileError` where it has such files of another origin.
    func takenFolder() throws -> ResultFolder? {
        guard let folder else { return nil }
        // Folders of earlier versions are known by their features.
        let features = folder.appending(path: "reference-features").path
        let isOld = FileManager.default.fileExists(atPath: features)
        return try ResultFolder(folder, of: "evaluation", writing: isOld ? [] : ["report.json", "table.json"])
    }

    /// The evaluation for some folders; all that can be wrong is looked at before hours are spent.
    func evaluation(of folders: [PictureFolder]) throws -> PictureEvaluation {
        let network = try networks.featureNetwork()
        let isAligned = !skipAlignment && folders.contains { $0.isCaptioned }
        let alignment = try isAligned ? networks.textPictureAlignment() : nil
        var compared: PictureEvaluation.Reference?
        if let url = reference.map({ URL(filePath: $0) }) {
            if url.pathExtension == "npz" {
                compared = .statistics(url)
            } else {
                let folder = try PictureFolder(contentsOf: url)
                compared = .pictures(try referenceSplit.map(folder.split) ?? folder)
            }
        }
        let progress = ProgressLine()
        return try PictureEvaluation(
            by: network, alignment: alignment, against: compared, croppedTo: crop, keptIn: folder
        ) { name, done, total in
            progress.show(Double(done) / Double(max(total, 1)), "\(name): \(done) of \(total)")
            if done == total { progress.finish() }
        }
    }
}
