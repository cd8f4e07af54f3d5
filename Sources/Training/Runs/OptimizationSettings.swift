/// The settings that every training has.
protocol OptimizationSettings {
    var batchSize: Int { get }
    var iterations: Int { get }
    var learningRate: Double { get }
    var averageDecay: Double { get }
    var gradientNormLimit: Double { get }
}

extension OptimizationSettings {
    /// Throws ``TrainingError`` for one that is out of range.
    func validateOptimization() throws {
        try TrainingError.check(batchSize > 0, "batchSize", expected: "at least 1", found: batchSize)
        try TrainingError.check(iterations > 0, "iterations", expected: "at least 1", found: iterations)
        try TrainingError.check(
            learningRate.isFinite && learningRate >= 0, "learningRate", expected: "a finite number from 0",
            found: learningRate)
        try TrainingError.check(
            (0...1).contains(averageDecay), "averageDecay", expected: "a number from 0 to 1", found: averageDecay)
        try TrainingError.check(
            gradientNormLimit > 0, "gradientNormLimit", expected: "a positive number", found: gradientNormLimit)
    }
}
