import ArgumentParser
import SwiftBrushRuntime

/// How the parts of a training's batches are computed, in one process or in several.
public struct ProcessOptions: ParsableArguments {
    /// The number of parts; nil for one per process.
    @Option(help: "Parts in which a step computes its gradients, in turn or by processes. Default: one per process.")
    public var accumulate: Int?
    /// The type as which gradients are sent.
    @Option(
        help: """
            The type as which the gradients of parts are sent and added. bfloat16 is half the bytes, and its results do not depend on the \
            number of processes either.
            """)
    public var gradients = GradientType.float32
    /// Whether the optimiser's state is divided.
    @Flag(
        help: """
            Keep each element of the optimiser's moments and of the moving average in one process only (ZeRO stage 1). The results are the \
            same.
            """)
    public var shardOptimizer = false

    /// No option given.
    public init() {}
}

extension GradientType: ExpressibleByArgument {}
