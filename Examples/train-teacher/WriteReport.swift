import ArgumentParser
import Foundation
import SwiftBrushCommands
import SwiftBrushRuntime

/// Writes the HTML report of a run.
struct WriteReport: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Writes a run's curves and sample grids as a self-contained HTML page.")

    @Argument(help: "The folder of a training or distillation run.") var folder: String
    @Option(help: "The HTML file. Default: report.html in the run's folder.") var output: String?

    func run() throws {
        let folder = URL(filePath: self.folder)
        let file = output.map { URL(filePath: $0) } ?? folder.appending(path: "report.html")
        if output != nil { try checkOutput(file: file, "--output") }
        try RunReport(of: folder).write(to: file)
        print(file.path)
    }
}
