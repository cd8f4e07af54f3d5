import Tensor
public import Testing

/// Runs tests with matrix products in Float32, because they check it to its own rounding error, also on processors with matrix tiles.
public struct HighestPrecision: SuiteTrait, TestTrait, TestScoping {
    /// Whether it holds for the tests of a suite.
    public var isRecursive: Bool { true }

    /// Runs a test at the highest precision.
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await MatmulPrecision.highest.within(function)
    }
}

extension Trait where Self == HighestPrecision {
    /// Matrix products in Float32.
    public static var highestPrecision: Self { Self() }
}
