import ArgumentParser
import Foundation
import Tensor

@main
struct Measure: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Times parts of a model on this machine: SwiftBrush's side of Benchmarks/compare.",
        subcommands: [Run.self, Layers.self, StartUp.self])
}

/// The options of all measurements.
struct MeasuringOptions: ParsableArguments {
    @Option(help: "A model's folder in the diffusers layout; only the measured parts need to exist.")
    var model: URL
    @Option(help: "Processor threads.") var threads = 2
    @Option(help: "Height and width of the latents. Default: the UNet's; 64 for the decoder.") var size: Int?
    @Option(help: "Batch size.") var batch = 1
    @Option(help: "Tokens per prompt.") var tokens = 77
    @Option(help: "Maximum size of packed copies of weights, in GiB.") var packedWeights = 0.0
    @Flag(help: "Use direct convolution instead of Winograd's.") var direct = false

    @Flag(help: "Recompute the network's blocks in the backward pass.") var recompute = false
    @Option(help: "The precision of matrix products: highest, high or medium.") var precision = "high"

    func validate() throws {
        guard MatmulPrecision(rawValue: precision) != nil else {
            throw ValidationError("--precision: expected highest, high or medium, found \(precision)")
        }
    }

    func apply() {
        ThreadPool.threadCount = threads
        MatmulPrecision.current = MatmulPrecision(rawValue: precision) ?? .high
        PackedWeights.budget = Int(packedWeights * 0x1p30)
        if direct { ConvolutionAlgorithm.current = .direct }
    }
}

/// Loads a part, runs it once as a warm-up, then once per line of standard input, so that runs of several frameworks can alternate.
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Times one part of a model: one run per line on standard input, each followed by a JSON line.")

    @Argument(help: "\(Part.allCases.map(\.rawValue).joined(separator: ", ")).") var part: Part
    @OptionGroup var options: MeasuringOptions
    @Option(
        help: "A file of inputs and outputs of the part, as Tests/Fixtures/full-size writes it, to compute errors with."
    )
    var golden: URL?

    func run() throws {
        options.apply()
        let golden = try golden.map { try Golden(contentsOf: $0) }
        let work = try part.load(options, golden)
        try report(work, golden)
        while readLine() != nil { try report(work, golden) }
    }

    private func report(_ work: () throws -> Tensor?, _ golden: Golden?) throws {
        var output: Tensor?
        let time = try seconds { output = try work() }
        let errors = try output.flatMap { try golden?.errors(of: $0, part) }
        let fields = errors.map { ", \"rms\": \($0.rms), \"max\": \($0.max)" } ?? ""
        print("{\"seconds\": \(time), \"peak_bytes\": \(peakBytes())\(fields)}")
        fflush(nil)
    }
}

/// How long `body` takes, in seconds.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return (ContinuousClock.now - start) / .seconds(1)
}

/// The peak memory of this process.
private func peakBytes() -> Int {
    var usage = rusage()
    let ownProcess: Int32 = 0  // RUSAGE_SELF, whose type differs between the systems
    getrusage(ownProcess, &usage)
    #if canImport(Darwin)
        return usage.ru_maxrss
    #else
        return usage.ru_maxrss * 1024
    #endif
}

extension URL: @retroactive ExpressibleByArgument {
    /// The file of a path.
    public init?(argument: String) { self.init(filePath: argument) }
}
