import ArgumentParser
import Foundation
import SwiftBrushCommands
import SwiftBrushEvaluation

struct EvaluateTable: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "table",
        abstract: "Compares several folders of images with one reference, in a Markdown table.",
        discussion: """
            One row per folder: Fréchet distance, precision, recall, diversity, or other --metrics, and the alignment with the folder's \
            own captions. With --output the values are also written to table.json.
            """)

    @Argument(help: "The folders of the images to evaluate.")
    var pictures: [URL]

    @Flag(
        help: """
            For coarse captions such as "an animal": compare the images whose caption is a group's name with the reference images of \
            that group, for each group; by default precision, recall and diversity.
            """)
    var byGroup = false

    @OptionGroup var options: EvaluationOptions

    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func run() throws {
        for folder in pictures { try checkInput(folder, "the folder") }
        try options.checkPaths()
        let claimed = try options.claimedFolder()
        defer { withExtendedLifetime(claimed) {} }
        let folders = try pictures.map { try PictureFolder(contentsOf: $0) }
        let evaluation = try options.evaluation(of: byGroup ? [] : folders)
        var table = EvaluationTable()
        for (folder, name) in zip(folders, EvaluationTable.names(of: folders.map(\.url))) {
            EvaluationOptions.warn(evaluation.warnings(of: folder))
            let store = options.output?.appending(path: name)
            let features = try evaluation.features(of: folder, keptIn: store)
            let reports =
                byGroup
                ? try evaluation.reportsByGroup(of: folder, features, metrics: metrics([.precisionRecall, .diversity]))
                : [
                    try evaluation.report(
                        of: folder, features, metrics: metrics([.frechet, .precisionRecall, .diversity]), keptIn: store)
                ]
            for report in reports { table.add(report, named: name) }
        }
        print(table)
        if let output = options.output { try table.save(to: output.appending(path: "table.json")) }
    }

    private func metrics(_ usual: [FeatureMetric]) -> [FeatureMetric] {
        options.metrics.isEmpty ? usual : options.metrics
    }
}
