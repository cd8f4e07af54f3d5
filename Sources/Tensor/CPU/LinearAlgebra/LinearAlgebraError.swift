/// An error in linear algebra.
public enum LinearAlgebraError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The operands' shapes do not fit, or are too large for BLAS.
    case unsuitableShapes(operation: String, expected: String, found: String)
    /// An argument is out of range.
    case invalidArgument(operation: String, argument: String, expected: String, found: String)
    /// A matrix contains infinities or NaN.
    case nonFinite(operation: String, count: Int)
    /// LAPACK failed: for the eigenvalues of a symmetric matrix and for least squares, an iteration did not converge.
    case failed(operation: String, routine: String, status: Int)
    /// None of the libraries that provide BLAS and LAPACK can be opened.
    case libraryMissing(names: [String], reason: String)

    /// One sentence with what was expected and what was found.
    public var description: String {
        switch self {
        case .unsuitableShapes(let operation, let expected, let found):
            "\(operation): expected \(expected), found \(found)"
        case .invalidArgument(let operation, let argument, let expected, let found):
            "\(operation): \(argument): expected \(expected), found \(found)"
        case .nonFinite(let operation, let count): "\(operation): expected finite numbers, found \(count) others"
        case .failed(let operation, let routine, let status):
            "\(operation): LAPACK's \(routine) failed with status \(status)"
        case .libraryMissing(let names, let reason):
            "BLAS and LAPACK are needed: install OpenBLAS (Debian's libopenblas0); expected one of "
                + "\(names.joined(separator: ", ")), found none: \(reason)"
        }
    }
}
