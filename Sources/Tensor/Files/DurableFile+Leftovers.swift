import Foundation

extension DurableFile {
    /// Removes the temporary files that a process which was killed left in a folder: `.NAME.UUID.partial`, as ``write(to:_:)`` names
    /// them, and no others. Only for a folder in which no other process writes.
    package static func removeLeftovers(in folder: URL) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names where isTemporary(name) {
            try? FileManager.default.removeItem(at: folder.appending(path: name))
        }
    }

    /// Whether a file's name is one that ``write(to:_:)`` gives to its temporary files.
    package static func isTemporary(_ name: String) -> Bool {
        let suffix = ".partial"
        guard name.hasPrefix("."), name.hasSuffix(suffix) else { return false }
        let parts = name.dropLast(suffix.count).split(separator: ".")
        return parts.last.flatMap { UUID(uuidString: String($0)) } != nil
    }
}
