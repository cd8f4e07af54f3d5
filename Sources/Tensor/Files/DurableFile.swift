import Foundation

/// Files that are there whole or not at all, whenever the machine stops.
package enum DurableFile {
    /// Writes beside `url` under a temporary name, waits for the disk, and renames.
    ///
    /// Throws what the file system and `body` throw; the temporary file is taken away then.
    package static func write(to url: URL, _ body: (FileHandle) throws -> Void) throws {
        let temporary = url.deletingLastPathComponent().appending(
            path: ".\(url.lastPathComponent).\(UUID().uuidString).partial")
        try Data().write(to: temporary)
        do {
            let file = try FileHandle(forWritingTo: temporary)
            try body(file)
            try file.synchronize()
            try file.close()
            try rename(temporary, to: url)
        } catch {
            try? FileManager.default.removeItem(at: temporary)
            throw error
        }
    }

    /// Replaces `target` in one step, and waits until the folder's entry is on the disk.
    package static func rename(_ source: URL, to target: URL) throws {
        guard Foundation.rename(source.path, target.path) == 0 else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: target.path])
        }
        let folder = open(target.deletingLastPathComponent().path, O_RDONLY)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}
