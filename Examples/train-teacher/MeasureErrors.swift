import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import SwiftBrushTeachers

/// Measures the error of a teacher's x0 predictions.
struct MeasureErrors: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "errors",
        abstract: "Measures the error of a model's x0 by timestep, with each image's own text and with another's.")

    @Argument(help: "A folder of PNG or JPEG files with metadata.jsonl.") var data: URL
    @Option(help: "The model, a diffusers folder.") var model: URL
    @Option(help: "A text file with one name per line: use only the images of these names.") var prompts: URL?
    @Option(help: "The maximum number of images per split.") var pictures = 128
    @Option(parsing: .upToNextOption, help: "The timesteps to measure.") var timesteps = [400, 700, 950, 999]
    @OptionGroup var seeds: SeedOptions
    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func validate() throws {
        try check("--pictures", pictures, in: 2...1_000_000_000)
        for timestep in timesteps { try check("--timesteps", timestep, in: 0...999) }
    }

    func run() throws {
        try checkInput(data, "the folder")
        try checkInput(model, "--model")
        try checkInput(prompts, "--prompts")
        var set = try CaptionedPictures(contentsOf: data)
        if let prompts {
            let names = Set(try PromptFile.read(prompts))
            let named = set.captions.indices.filter { names.contains(set.captions[$0].text) }
            guard !named.isEmpty else {
                throw ValidationError("--prompts: no image of \(data.relativePath) has one of these names")
            }
            set = try set.subset(named)
        }
        let model = try TextToImageModel(contentsOf: model)
        print("split     pictures  t    own text  other text")
        for split in [CaptionedPicture.Split.train, .heldOut] {
            let indices = set.split(split, atMost: pictures)
            guard indices.count > 1 else { continue }
            let errors = try DenoisingErrors(
                of: model, on: set.subset(indices), timesteps: timesteps, seed: seeds.value)
            for row in errors.rows {
                let name = split.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)
                print(
                    String(
                        format: "%@ %9d %4d %9.3f %11.3f", name, errors.pictures, row.timestep, row.ownText,
                        row.otherText))
            }
        }
    }
}
