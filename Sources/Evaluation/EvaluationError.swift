/// Why a metric cannot be computed.
public enum EvaluationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Features that do not suit the metric.
    case unsuitableFeatures(metric: String, expected: String, found: String)
    /// LAPACK did not find the decomposition.
    case decompositionFailed(routine: String, status: Int)

    /// One sentence with what was expected and what was found.
    public var description: String {
        switch self {
        case .unsuitableFeatures(let metric, let expected, let found):
            "\(metric): expected \(expected), found \(found)"
        case .decompositionFailed(let routine, let status): "LAPACK's \(routine) failed with status \(status)"
        }
    }
}
