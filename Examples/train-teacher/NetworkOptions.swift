import ArgumentParser
import DiffusionModels
import SwiftBrushCommands

/// The options of new networks and of their tokenizer.
struct NetworkOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: "The denoising network's channels per block, outermost first. Default: 64 128 176; with --shapes 48 96.")
    var channels: [Int] = []
    @Option(
        help:
            "What the denoising network learns to predict: epsilon, v_prediction, or flow_prediction, with which it is trained by flow matching. Default: epsilon, or that of --start."
    )
    var predictionType: PredictionType?
    @Option(help: "The maximum vocabulary size of a trained tokenizer.") var vocabulary = 2560

    func validate() throws {
        try check("--vocabulary", vocabulary, in: 514...49_408)
        if predictionType == .sample {
            throw ValidationError(
                "--prediction-type: expected epsilon, v_prediction or flow_prediction, found sample")
        }
    }

    /// The channels per block, for a folder of images or for shapes.
    func blockChannels(shapes: Bool) -> [Int] { channels.isEmpty ? shapes ? [48, 96] : [64, 128, 176] : channels }
}
