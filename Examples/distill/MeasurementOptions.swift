import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushCommands
import SwiftBrushEvaluation
import SwiftBrushRuntime

/// Measurements of the student in the course of the run.
struct MeasurementOptions: ParsableArguments {
    @Option(
        help: """
            Measure the student every so many steps: the Fréchet distance of its images from --measure-reference in the features of \
            EfficientNet-Lite0. The best student is the one that is saved.
            """)
    var measureEvery: Int?
    @Option(help: "Real or teacher images to measure the distance from: a folder, or saved statistics (.npz).")
    var measureReference: URL?
    @Option(help: "Images to generate for each measurement, of prompts evenly spread over the list.")
    var measurePictures = 256

    func validate() throws {
        try check("--measure-every", measureEvery, in: 1...1_000_000_000)
        try check("--measure-pictures", measurePictures, in: 2...1_000_000)
        if (measureEvery == nil) != (measureReference == nil) {
            throw ValidationError("--measure-every and --measure-reference: expected both or neither")
        }
    }

    /// Checks the reference before the teacher is loaded.
    func checkPaths() throws { try checkInput(measureReference, "--measure-reference") }

    /// The measurement of a distillation's averaged student, always from the same noise; nil if none is asked for.
    func measurement(
        of distiller: Distiller, teacher: TextToImageModel, prompts: [String]
    ) throws -> RunMeasurement? {
        guard let measureEvery, let measureReference else { return nil }
        // Only the process with rank 0 measures; the others divide the average with it.
        var distance: ReferenceDistance?
        if distiller.group.rank == 0 {
            let network = try EfficientNetLite0(contentsOf: ExampleModels.url("efficientnet-lite0/model.safetensors"))
            distance = try ReferenceDistance(from: measureReference, by: network)
        }
        let chosen = (0..<measurePictures).map { prompts[$0 * prompts.count / measurePictures] }
        return RunMeasurement("frechetDistance", every: measureEvery) { [distance] in
            let student = try distiller.studentModel(of: teacher)
            return try distance?(student.pictures(for: chosen, seed: 1)) ?? .nan
        }
    }
}
