import Foundation
import Tensor

/// A folder into which a command writes files of fixed names, and may write them again: no other process does at the same time, and no
/// file of such a name that something else made is replaced.
public struct ResultFolder: Sendable {
    private let lock: FolderLock

    /// Takes a folder for as long as this value lives; it is made if it is missing.
    ///
    /// - Parameters:
    ///   - url: the folder.
    ///   - name: of the results, such as `comparison`: the file `comparison.lock` says that they are there.
    ///   - files: the names that will be written. Without the lock's file none of them may be there.
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
                reason: "no \(name) was made here before, so that the file is another's")
        }
        lock = try FolderLock.lock(url, name: lockName)
        DurableFile.removeLeftovers(in: url)
    }
}
