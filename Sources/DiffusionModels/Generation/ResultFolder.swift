import Foundation
import Tensor

/// A folder into which a command writes files with fixed names, which it may overwrite later. The folder is locked against other processes,
/// and files of the same names that the command did not write are never replaced.
public struct ResultFolder: Sendable {
    private let lock: FolderLock

    /// Locks a folder for the lifetime of this value; it is created if it does not exist.
    ///
    /// - Parameters:
    ///   - url: the folder.
    ///   - name: the name of the results, such as `comparison`; the file `comparison.lock` marks a folder that contains them.
    ///   - files: the names of the files that will be written. Unless the lock file exists, none of them may exist.
    ///
    /// Throws `FileError`.
    public init(_ url: URL, of name: String, writing files: [String]) throws {
        try DurableFile.prepareFolder(url)
        let lockName = "\(name).lock"
        if !FileManager.default.fileExists(atPath: url.appending(path: lockName).path),
            let other = files.first(where: { FileManager.default.fileExists(atPath: url.appending(path: $0).path) })
        {
            throw FileError(
                path: url.appending(path: other).path, operation: .writing,
                reason: "the folder has no earlier \(name), so the file belongs to something else")
        }
        lock = try FolderLock.lock(url, name: lockName)
        DurableFile.removeLeftovers(in: url)
    }
}
