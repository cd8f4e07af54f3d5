import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import Tensor

@main
struct VerifyCheckpoint: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify-checkpoint",
        abstract: "Compares the outputs of each part of a model with those of another implementation.",
        discussion: """
            Prints one line per part: its name in the golden file, the largest error, that error divided by the reference's \
            standard deviation, and ok or FAIL. The exit code is 1 when a part fails or there is none to compare.
            """)

    @Option(help: "A model: a diffusers folder or a single safetensors file.")
    var model: URL

    @Option(help: "A safetensors file of inputs and outputs in PyTorch's layout.")
    var golden: URL

    @Option(help: "The folder of an AutoencoderTiny.")
    var tinyVae: URL?

    @Option(help: "The largest relative error that is ok.")
    var tolerance = 1e-4

    @Option(help: "The type in which weights are kept: that in which they are stored, float32 or int8.")
    var weights = WeightType.stored

    @Flag(help: "Use direct convolution instead of Winograd's algorithm, which is faster but less exact.")
    var exactConvolution = false

    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func validate() throws { try check("--tolerance", tolerance, in: 0...1) }

    func run() throws {
        for (url, option) in [(model, "--model"), (golden, "--golden"), (tinyVae, "--tiny-vae")] as [(URL?, String)] {
            try checkInput(url, option)
        }
        if exactConvolution { ConvolutionAlgorithm.current = .direct }
        var verification = try CheckpointVerification(
            of: model, against: golden, tinyDecoder: tinyVae, weights: weights)
        var (hasFailed, count) = (false, 0)
        while let comparison = verification.next() {
            guard let errors = comparison.errors else {
                print("\(comparison.name) skipped: not in the golden file")
                continue
            }
            count += 1
            let isGood = errors.relative <= tolerance
            hasFailed = hasFailed || !isGood
            print(
                comparison.name, String(format: "%.3e %.3e", errors.largest, errors.relative), isGood ? "ok" : "FAIL")
        }
        if let failure = verification.failure { throw failure }
        guard count > 0 else {
            throw ValidationError("--golden: expected the inputs and the output of at least one part, found none")
        }
        if hasFailed { throw ExitCode(1) }
    }
}
