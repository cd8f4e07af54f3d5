import ArgumentParser
import Tensor

/// The process-wide settings of everything that is computed.
public struct ComputationOptions: ParsableArguments {
    /// The number of threads; nil for one per core.
    @Option(help: "Processor threads. Default: one per core.") var threads: Int?
    /// The precision of matrix products.
    @Option(
        help: """
            The precision of matrix products, as PyTorch names it: highest is Float32, high three products of BFloat16 halves, medium one of \
            BFloat16. All are Float32 but on processors with matrix tiles (AMX), and medium on AMD's with AVX512-BF16.
            """)
    var precision = MatmulPrecision.high

    /// No option given.
    public init() {}

    /// Checks the number of threads.
    public func validate() throws { try check("--threads", threads, in: ThreadPool.threadCounts) }

    /// The precision, nil for the default, as runs and images record it.
    public var recordedPrecision: MatmulPrecision? { precision == .high ? nil : precision }

    /// Makes them the process's settings.
    func apply() {
        if let threads { ThreadPool.threadCount = threads }
        MatmulPrecision.current = precision
    }
}

/// A command that computes: its settings are in place before it runs.
public protocol ComputingCommand: BrushCommand {
    /// The settings of the computation.
    var computation: ComputationOptions { get }
}

extension MatmulPrecision: ExpressibleByArgument {}
