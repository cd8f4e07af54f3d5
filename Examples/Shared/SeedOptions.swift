import ArgumentParser
import DiffusionModels

/// A seed on the command line: a number from 0, or -1 for a random one.
public struct Seed: Sendable {
    /// The seed of the random streams.
    public let value: UInt64
    let isRandom: Bool

    /// The seed 0.
    public init() { (value, isRandom) = (0, false) }

    /// Prints the seed on standard error if it was chosen at random.
    public func announce(_ name: String) {
        if isRandom { StandardError.write(line: "\(name): \(value)") }
    }

    /// Parses a seed. Throws `ValidationError` for anything but 0 to 2⁶⁴ − 1, or -1.
    public init(_ argument: String) throws {
        isRandom = argument == "-1"
        // A random seed is short enough to be typed again.
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

/// The option `--seed`.
public struct SeedOptions: ParsableArguments {
    @Option(
        name: .customLong("seed"), parsing: .unconditional,
        help: "The seed of all random numbers. -1: a random seed, which is printed.", transform: Seed.init)
    var seed = Seed()

    /// The seed 0.
    public init() {}

    /// Prints the seed if it was chosen at random.
    public func validate() throws {
        seed.announce("seed")
    }

    /// The seed of the random streams.
    public var value: UInt64 { seed.value }
}
