import ArgumentParser
import Foundation
import SwiftBrushCommands
import SwiftBrushRuntime

/// Writes the HTML report of a run.
struct WriteReport: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Writes a run's curves and sample grids as a self-contained HTML page.")

    @Argument(help: "The folder of a training or distillation run.") var folder: URL
    @Option(help: "The HTML file. Default: report.html in the run's folder.") var output: URL?

    func run() throws {
        let file = output ?? folder.appending(path: "report.html")
        try checkInput(folder, "the folder")
        try checkOutput(file: output, "--output")
        try RunReport(of: folder).write(to: file)
        print(file.path)
    }
}
