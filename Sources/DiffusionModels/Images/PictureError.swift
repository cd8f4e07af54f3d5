/// The error of an image file that cannot be read or written.
public struct PictureError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file; nil for bytes in memory.
    public let path: String?
    /// The message of libpng, libjpeg-turbo or the file system, or what was expected and what was found.
    public let reason: String

    /// The file and the reason.
    public var description: String { path.map { "\($0): \(reason)" } ?? reason }

    init(_ reason: String, path: String? = nil) { (self.reason, self.path) = (reason, path) }
}
