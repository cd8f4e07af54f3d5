import Autograd
import Foundation

/// What is wrong with a checkpoint folder or with what was asked of it.
public enum ModelError: Error, Sendable, CustomStringConvertible {
    /// A file or folder that the checkpoint needs is not there.
    case missingFile(path: String, purpose: String)
    /// A file cannot be read, or is not in its format.
    case unreadableFile(path: String, reason: String)
    /// A field of a configuration file is missing or has a value of the wrong kind or out of range.
    case invalidField(file: String, field: String, expected: String, found: String)
    /// A field of a configuration file asks for something that this library does not do.
    case unsupportedField(file: String, field: String, expected: String, found: String)
    /// The weights are there only as Python pickles, which are never read: unpickling runs code.
    case pickledWeights(folder: String, files: [String])
    /// The weights do not fit the network: missing, unexpected or wrongly shaped tensors.
    case weightMismatch(path: String, mismatch: ParameterLoadingError)
    /// One step was asked of a model that has no `one_step.json`.
    case notOneStepModel(path: String)
    /// A multi-step sampler was asked of a one-step student.
    case notMultiStepModel(path: String)
    /// An argument of a sampler is out of range.
    case invalidArgument(operation: String, argument: String, expected: String, found: String)

    /// One sentence that names the file, the field, what was expected and what was found.
    public var description: String {
        switch self {
        case .missingFile(let path, let purpose):
            "\(path): missing; expected \(purpose)"
        case .unreadableFile(let path, let reason):
            "\(path): cannot be read: \(reason)"
        case .invalidField(let file, let field, let expected, let found):
            "\(file): field \"\(field)\": expected \(expected), found \(found)"
        case .unsupportedField(let file, let field, let expected, let found):
            "\(file): field \"\(field)\" is not supported with this value: expected \(expected), found \(found)"
        case .pickledWeights(let folder, let files):
            "\(folder): the weights are pickled (\(files.joined(separator: ", "))), and pickles are never read because "
                + "they can run code; convert them to safetensors first"
        case .weightMismatch(let path, let mismatch):
            "\(path): \(mismatch)"
        case .notOneStepModel(let path):
            "\(path): not a one-step student (there is no one_step.json); sample it with several steps"
        case .notMultiStepModel(let path):
            "\(path): a one-step student (it has one_step.json); it cannot be sampled with several steps"
        case .invalidArgument(let operation, let argument, let expected, let found):
            "\(operation): \(argument): expected \(expected), found \(found)"
        }
    }
}

extension ModelError {
    /// The bytes of a file, or an error that says what the file was wanted for.
    static func reading(_ file: URL, purpose: String) throws -> Data {
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw ModelError.missingFile(path: file.path, purpose: purpose)
        }
        do {
            return try Data(contentsOf: file)
        } catch {
            throw ModelError.unreadableFile(path: file.path, reason: "\(error.localizedDescription)")
        }
    }
}
