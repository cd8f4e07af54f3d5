import Autograd
import Foundation
import Tensor

/// An error in a checkpoint or in its use.
public enum ModelError: Error, Sendable, CustomStringConvertible {
    /// A file or folder that the checkpoint needs is missing.
    case missingFile(path: String, purpose: String)
    /// A file cannot be read, or is not in its format.
    case unreadableFile(path: String, reason: String)
    /// A field of a configuration file is missing or has a value of the wrong kind or out of range.
    case invalidField(file: String, field: String, expected: String, found: String)
    /// A field of a configuration file has a value that this library does not support.
    case unsupportedField(file: String, field: String, expected: String, found: String)
    /// The weights exist only as Python pickles, which are never read because unpickling can run code.
    case pickledWeights(folder: String, conversion: PickleConversion)
    /// The weights do not fit the network: missing, unexpected or wrongly shaped tensors.
    case weightMismatch(path: String, mismatch: ParameterLoadingError)
    /// Weights are infinite or NaN.
    case nonFiniteWeights(path: String, tensors: [NonFiniteTensor])
    /// A file or folder that was passed as a model is something else.
    case otherModel(path: String, kind: CheckpointKind)
    /// A single file was loaded without a tokenizer folder.
    case missingTokenizer(path: String)
    /// A model has no autoencoder, and none was passed.
    case missingAutoencoder(path: String)
    /// One-step sampling was requested of a model without `one_step.json`.
    case notOneStepModel(path: String)
    /// Multi-step sampling was requested of a one-step student.
    case notMultiStepModel(path: String)
    /// A generated image has values that are infinite or NaN.
    case nonFinitePicture(count: Int, total: Int)
    /// An argument of a sampler is out of range.
    case invalidArgument(operation: String, argument: String, expected: String, found: String)
    /// A sampler produced latents that are infinite or NaN.
    case nonFiniteLatents(sampler: String, step: Int, total: Int, timestep: Double)
    /// A network predicts ε at a timestep with zero signal, where x₀ = (x − σ ε)/α divides by zero.
    case noSignal(sampler: String, timestep: Double)

    /// One sentence with the file, the field, the expected and the found value.
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
        case .pickledWeights(let folder, let conversion):
            "\(folder): the weights are pickled ("
                + conversion.sources.map { URL(filePath: $0).lastPathComponent }.joined(separator: ", ")
                + "), and pickles are never read because they can run code; convert with: \(conversion.command)"
        case .weightMismatch(let path, let mismatch):
            "\(path): \(mismatch)"
        case .nonFiniteWeights(let path, let tensors):
            "\(path): weights that are infinite or not a number: "
                + tensors.prefix(Self.listLimit).map { "\($0)" }.joined(separator: ", ")
                + (tensors.count > Self.listLimit ? ", and in \(tensors.count - Self.listLimit) more tensors" : "")
        case .otherModel(let path, let kind):
            "\(path): expected a model of Stable Diffusion 1.x, 2.x or XL, found \(kind.rawValue); \(kind.advice)"
        case .missingAutoencoder(let path):
            "\(path): there is no autoencoder in it; name the folder or file of one: an AutoencoderKL or a small one (TAESD) (--vae)"
        case .missingTokenizer(let path):
            "\(path): there is no tokenizer in it; name a tokenizer's folder, with vocab.json and merges.txt or "
                + "tokenizer.json (--tokenizer)"
        case .notOneStepModel(let path):
            "\(path): not a one-step student (there is no one_step.json); sample it with several steps"
        case .notMultiStepModel(let path):
            "\(path): a one-step student (it has one_step.json); it cannot be sampled with several steps"
        case .nonFinitePicture(let count, let total):
            "the image has non-finite values: \(count) of its \(total) numbers are infinite or not a number; check the guidance "
                + "scale, the weights of LoRAs, and the noise schedule"
        case .invalidArgument(let operation, let argument, let expected, let found):
            "\(operation): \(argument): expected \(expected), found \(found)"
        case .nonFiniteLatents(let sampler, let step, let total, let timestep):
            "\(sampler): the latents are infinite or not a number after step \(step) of \(total), at timestep \(timestep)"
        case .noSignal(let sampler, let timestep):
            "\(sampler): at timestep \(Int(timestep)) a sample has no signal (rescale_betas_zero_snr, or flow matching), and a network that predicts epsilon "
                + "does not determine the image there: expected v_prediction or sample (--prediction-type), or timesteps that "
                + "leave the last one out (--timestep-spacing leading)"
        }
    }
}

extension ModelError {
    /// A tensor with values that are infinite or NaN.
    public struct NonFiniteTensor: Sendable, Equatable, CustomStringConvertible {
        /// The tensor's key in the file.
        public let name: String
        /// The stored type; Float16 overflows above 65,504.
        public let scalarType: ScalarType
        /// The tensor's shape in the file.
        public let shape: [Int]
        /// The number of non-finite values.
        public let count: Int

        /// The name, the number of non-finite and of all values, and the type.
        public var description: String { "\(name) (\(count) of \(shape.reduce(1, *)), \(scalarType.rawValue))" }
    }

    private static let listLimit = 8

    /// Whether a file of this name is a Python pickle.
    static func isPickle(_ name: String) -> Bool { [".bin", ".ckpt", ".pt", ".pth"].contains { name.hasSuffix($0) } }

    /// The maximum size of a text file, larger than any configuration or vocabulary.
    private static let textLimit = 1 << 28

    /// The bytes of a text file, without a byte-order mark.
    ///
    /// Throws ``ModelError`` with the file's purpose if it is missing, and if it cannot be read.
    static func reading(_ file: URL, purpose: String) throws -> Data {
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw ModelError.missingFile(path: file.path, purpose: purpose)
        }
        func unreadable(_ reason: String) -> ModelError { .unreadableFile(path: file.path, reason: reason) }
        // Reading a pipe without a writer would block.
        let attributes = try? FileManager.default.attributesOfItem(atPath: file.resolvingSymlinksInPath().path)
        if let attributes {
            guard attributes[.type] as? FileAttributeType == .typeRegular else { throw unreadable("it is not a file") }
            let size = (attributes[.size] as? NSNumber)?.intValue ?? 0
            guard size <= textLimit else {
                throw unreadable("expected at most \(textLimit >> 20) MiB of text, found \(size >> 20) MiB")
            }
        }
        do {
            let data = try FileContents.read(file)
            return data.starts(with: [0xef, 0xbb, 0xbf]) ? data.dropFirst(3) : data
        } catch let error as FileError {
            throw ModelError.unreadableFile(path: file.path, reason: error.reason)
        }
    }
}

extension ModelError: SettingError {
    package var setting: (name: String, expected: String, found: String)? {
        if case .invalidArgument(_, let name, let expected, let found) = self { (name, expected, found) } else { nil }
    }
}
