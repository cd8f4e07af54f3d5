import Foundation

extension DurableFile {
    /// Removes a killed process's temporary files from a folder: those named `.NAME.UUID.partial`, as ``write(to:_:)`` names them,
    /// and no others. No other process may be writing to the folder.
    package static func removeLeftovers(in folder: URL) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names where isTemporary(name) {
            try? FileManager.default.removeItem(at: folder.appending(path: name))
        }
    }

    /// Whether a file name is that of a temporary file of ``write(to:_:)``.
    package static func isTemporary(_ name: String) -> Bool {
        let suffix = ".partial"
        guard name.hasPrefix("."), name.hasSuffix(suffix) else { return false }
        let parts = name.dropLast(suffix.count).split(separator: ".")
        return parts.last.flatMap { UUID(uuidString: String($0)) } != nil
    }
}
