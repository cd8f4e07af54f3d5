import Foundation

/// The reason why a file or folder cannot be read or written, as a plain sentence.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kind of operation that failed.
    public enum Operation: String, Sendable {
        /// Reading a file or listing a folder.
        case reading = "read"
        /// Writing, creating, renaming or removing.
        case writing = "written"
    }

    /// The path of the file or folder.
    public let path: String
    /// The operation that failed.
    public let operation: Operation
    /// The cause of the failure.
    public let reason: String

    /// An error with its reason.
    public init(path: String, operation: Operation, reason: String) {
        (self.path, self.operation, self.reason) = (path, operation, reason)
    }

    /// One sentence with the path, the operation and the reason.
    public var description: String { "\(path): cannot be \(operation.rawValue): \(reason)" }
}

extension FileError {
    /// The error that a system call left in `errno`.
    package init(path: String, operation: Operation, code: Int32 = errno) {
        self.init(path: path, operation: operation, reason: Self.sentence(code))
    }

    /// An error about a file with the cause of another error, such as one of Foundation's.
    package init(path: String, operation: Operation, _ error: any Error) {
        self.init(path: path, operation: operation, reason: Self.reason(of: error))
    }

    /// Runs `body`, and turns errors of Foundation and the system into a `FileError` with the path and the reason. Errors that
    /// describe themselves in a sentence are rethrown unchanged.
    package static func attempt<Result>(
        _ operation: Operation, _ path: String, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch  where isForeign(error) {
            throw FileError(path: path, operation: operation, error)
        }
    }

    /// An error as a sentence: errors of this library and of its users describe themselves; those of the system, Foundation and
    /// JSON are put into words.
    package static func sentence(of error: any Error) -> String {
        guard isForeign(error) else { return "\(error)" }
        let fields = (error as NSError).userInfo
        let path = fields[NSFilePathErrorKey] as? String ?? (fields[NSURLErrorKey] as? URL)?.path
        return path.map { "\($0): \(reason(of: error))" } ?? reason(of: error)
    }

    /// The cause of an error, without the path.
    package static func reason(of error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            return "\(field(context.codingPath + [key])) is missing"
        case DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context):
            return "\(field(context.codingPath)) is not of the type \(type)"
        case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
            return "\(field(context.codingPath)) is not in the expected form"
        case is DecodingError: return "it is not valid JSON"
        case EncodingError.invalidValue(let value, let context):
            return "\(field(context.codingPath)) cannot be written as JSON: \(value)"
        default: break
        }
        guard isForeign(error) else { return "\(error)" }
        var inner: NSError? = error as NSError
        while let current = inner {
            if current.domain == NSPOSIXErrorDomain { return sentence(Int32(truncatingIfNeeded: current.code)) }
            inner = current.userInfo[NSUnderlyingErrorKey] as? NSError
        }
        switch CocoaError.Code(rawValue: (error as NSError).code) {
        case .fileNoSuchFile, .fileReadNoSuchFile: return sentence(ENOENT)
        case .fileReadNoPermission, .fileWriteNoPermission: return sentence(EACCES)
        case .fileWriteOutOfSpace: return sentence(ENOSPC)
        case .fileWriteVolumeReadOnly: return sentence(EROFS)
        case .fileWriteFileExists: return sentence(EEXIST)
        case .fileReadInvalidFileName, .fileWriteInvalidFileName: return "it is not a valid file name"
        case .fileReadTooLarge: return "it is too large"
        case .fileReadInapplicableStringEncoding, .fileReadCorruptFile: return "it is not in the expected form"
        default: return "the system refused it"
        }
    }

    private static func field(_ path: [any CodingKey]) -> String {
        path.isEmpty ? "the value" : "field \"\(path.map(\.stringValue).joined(separator: "."))\""
    }

    /// Whether an error does not describe itself in a sentence.
    package static func isForeign(_ error: any Error) -> Bool {
        error is CocoaError || error is POSIXError || error is DecodingError || error is EncodingError
            || type(of: error) is NSError.Type
    }

    static func sentence(_ code: Int32) -> String {
        switch code {
        case ENOENT: "there is no such file or folder"
        case EACCES, EPERM: "permission is denied"
        case EISDIR: "it is a folder"
        case ENOTDIR: "a part of the path is not a folder"
        case ENOMEM: "there is not enough memory"
        case ENOSPC: "no space is left on the disk"
        case EDQUOT: "the disk quota is exceeded"
        case EFBIG: "it would be larger than the file system or the process may write"
        case EROFS: "the file system is read-only"
        case ENAMETOOLONG: "the name is too long"
        case ELOOP: "too many symbolic links lead from one to the next"
        case EEXIST: "it exists already"
        case EPIPE: "its reader has closed it"
        case EBADF: "it is closed"
        case EMFILE, ENFILE: "too many files are open"
        default: String(cString: strerror(code)).lowercased()
        }
    }
}
