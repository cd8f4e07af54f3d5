import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import Tensor

/// The run's folder and what is written into it.
struct RunOptions: ParsableArguments {
    @Option(help: "The run's folder: settings, metrics, sample grids, checkpoints, student/ and fake-score/.")
    var output: URL
    @Option(help: "Steps to take in all; 0 saves the initial student.") var iterations = 1000
    @Option(help: "Steps between two sample grids, and between two checkpoints.") var saveEvery = 100
    @Option(help: "A text file with the sample grids' prompts. Default: 16 of the training prompts.")
    var sheetPrompts: URL?
    @Option(help: "The teacher's guidance scale in the last sample grid, which compares it with the student.")
    var sheetGuidanceScale = 4.5
    @Option(help: "The data type of the saved student's weights.")
    var dtype = StoredType.float16
    @OptionGroup var starting: RunStartOptions

    func validate() throws {
        try check("--iterations", iterations, in: 0...1_000_000_000)
        try check("--save-every", saveEvery, in: 1...1_000_000_000)
        try check("--sheet-guidance-scale", sheetGuidanceScale, in: -1000...1000)
    }

    /// Checks the files before the teacher is loaded.
    func check() throws {
        try checkInput(sheetPrompts, "--sheet-prompts")
        try checkOutput(folder: output, "--output")
    }

    /// The prompts of the sample grids: those of the file, or some of the training prompts.
    func sheetPrompts(among prompts: [String]) throws -> [String] {
        if let sheetPrompts { return try PromptFile.read(sheetPrompts) }
        let every = max(1, prompts.count / 16)
        return prompts.indices.filter { $0 % every == 0 }.prefix(16).map { prompts[$0] }
    }
}

/// The scalar type of saved weights.
enum StoredType: String, ExpressibleByArgument, CaseIterable {
    case float16, float32, bfloat16, int8

    var scalarType: ScalarType {
        switch self {
        case .float16: .float16
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .int8: .int8
        }
    }
}
