import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import SwiftBrushEvaluation

/// Options for the reference, the metrics, the networks and the output folder.
struct EvaluationOptions: ParsableArguments {
    @Option(help: "The reference: a folder of images, or saved statistics (.npz).")
    var reference: URL?

    @Option(
        parsing: .upToNextOption,
        help: """
            The metrics. Default: all that the reference allows; in a table frechet, precision-recall and diversity.
            """)
    var metrics: [FeatureMetric] = []

    @Option(help: "Use only the reference images of this split.")
    var referenceSplit: String?

    @Option(help: "Resize every image's centre square to this side first, by Lanczos in 8 bits.")
    var crop: Int?

    @Flag(help: "Do not compare images with their captions.")
    var skipAlignment = false

    @OptionGroup var networks: NetworkOptions

    @Option(help: "The folder of the report and of cached features, with which a stopped evaluation can be resumed.")
    var output: URL?

    func validate() throws {
        if reference == nil, let metric = metrics.first(where: { $0 != .diversity }) {
            throw ValidationError("--metrics \(metric.rawValue) needs --reference")
        }
        try check("--crop", crop, in: 1...16_384)
    }

    /// Checks that the inputs exist and that the folder can be written. Throws `ValidationError`.
    func checkPaths() throws {
        try checkInput(reference, "--reference")
        try networks.checkPaths()
        try checkOutput(folder: output, "--output")
    }

    /// Writes warnings to standard error before a long evaluation starts; the report contains them too.
    static func warn(_ warnings: [String]) {
        for warning in warnings { StandardError.write(line: "warning: \(warning)") }
    }

    /// Claims the output folder; nil without one. Throws `FileError` if it contains files of the same names from elsewhere.
    func claimedFolder() throws -> ResultFolder? {
        guard let output else { return nil }
        // Folders of earlier versions are recognised by their features.
        let features = output.appending(path: "reference-features").path
        let isOld = FileManager.default.fileExists(atPath: features)
        return try ResultFolder(output, of: "evaluation", writing: isOld ? [] : ["report.json", "table.json"])
    }

    /// Creates the evaluation for folders. Everything that can fail is checked before the long computation.
    func evaluation(of folders: [PictureFolder]) throws -> PictureEvaluation {
        let network = try networks.featureNetwork()
        let isAligned = !skipAlignment && folders.contains { $0.isCaptioned }
        let alignment = try isAligned ? networks.textPictureAlignment() : nil
        var compared: PictureEvaluation.Reference?
        if let reference {
            if reference.pathExtension == "npz" {
                compared = .statistics(reference)
            } else {
                let folder = try PictureFolder(contentsOf: reference)
                compared = .pictures(try referenceSplit.map(folder.split) ?? folder)
            }
        }
        let progress = ProgressLine()
        return try PictureEvaluation(
            by: network, alignment: alignment, against: compared, croppedTo: crop, keptIn: output
        ) { name, done, total in
            progress.show(Double(done) / Double(max(total, 1)), "\(name): \(done) of \(total)")
            if done == total { progress.finish() }
        }
    }
}
