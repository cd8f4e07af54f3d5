import ArgumentParser
import DiffusionModels

/// A seed on the command line: a number from 0, or -1 for a random one.
public struct Seed: Sendable {
    /// What random streams begin with.
    public let value: UInt64
    let isRandom: Bool

    /// The seed 0.
    public init() { (value, isRandom) = (0, false) }

    /// Prints a random one on standard error.
    public func announce(_ name: String) {
        if isRandom { StandardError.write(line: "\(name): \(value)") }
    }

    /// Throws `ValidationError` for another number than 0 to 2⁶⁴ − 1 or -1.
    public init(_ argument: String) throws {
        isRandom = argument == "-1"
        // Short enough to be typed again.
        if isRandom {
            value = .random(in: 0...UInt64(UInt32.max))
        } else {
            guard let number = UInt64(argument) else {
                throw ValidationError("expected 0 to \(UInt64.max), or -1 for a random one")
            }
            value = number
        }
    }
}

/// The option of everything random.
public struct SeedOptions: ParsableArguments {
    @Option(
        name: .customLong("seed"), parsing: .unconditional,
        help: """
            The seed of everything random; of several pictures the first one's, the next have the seeds after it. -1: a random one, \
            which is printed.
            """, transform: Seed.init)
    var seed = Seed()

    /// The seed 0.
    public init() {}

    /// Prints a random seed.
    public func validate() throws {
        seed.announce("seed")
    }

    /// What random streams begin with.
    public var value: UInt64 { seed.value }
}
