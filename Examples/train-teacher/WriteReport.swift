import ArgumentParser
import Distillation
import Foundation
import SwiftBrushCommands

/// Shows a run.
struct WriteReport: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Writes a run's curves and sheets as a page of HTML that needs no other file.")

    @Argument(help: "The folder of a training or of a distillation.") var folder: String
    @Option(help: "The page. Default: report.html in the run's folder.") var output: String?

    func run() throws {
        let folder = URL(filePath: self.folder)
        let file = output.map { URL(filePath: $0) } ?? folder.appending(path: "report.html")
        if output != nil { try checkOutput(file: file, "--output") }
        try RunReport(of: folder).write(to: file)
        print(file.path)
    }
}
