/// The settings that all trainings share.
protocol OptimizationSettings {
    var batchSize: Int { get }
    var accumulatedParts: Int { get }
    var iterations: Int { get }
    var learningRate: Double { get }
    var averageDecay: Double { get }
    var weightDecay: Double { get }
    var gradientNormLimit: Double { get }
}

extension OptimizationSettings {
    /// Throws ``TrainingError`` for a setting that is out of range.
    func validateOptimization() throws {
        try TrainingError.check((1...4096).contains(batchSize), "batchSize", expected: "1 to 4096", found: batchSize)
        try TrainingError.check(
            (1...batchSize).contains(accumulatedParts), "accumulatedParts", expected: "1 to \(batchSize)",
            found: accumulatedParts)
        try TrainingError.check(
            (1...1_000_000_000).contains(iterations), "iterations", expected: "1 to 1000000000", found: iterations)
        try TrainingError.check(
            (0...1).contains(learningRate), "learningRate", expected: "a number from 0 to 1", found: learningRate)
        try TrainingError.check(
            (0...1).contains(weightDecay), "weightDecay", expected: "a number from 0 to 1", found: weightDecay)
        try TrainingError.check(
            (0...1).contains(averageDecay), "averageDecay", expected: "a number from 0 to 1", found: averageDecay)
        try TrainingError.check(
            gradientNormLimit > 0, "gradientNormLimit", expected: "a positive number", found: gradientNormLimit)
    }
}
