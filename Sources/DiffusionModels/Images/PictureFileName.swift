import Foundation

/// Whether a `file_name` stays in the folder of its list. Lists come from elsewhere: what a name leads to is neither read nor written
/// outside.
package enum PictureFileName {
    /// What is wrong with a name; nil for one of a file in the folder or below.
    package static func flaw(of name: String) -> String? {
        if name.isEmpty { return "an empty name" }
        if name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) {
            return "a name with control characters"
        }
        if name.hasPrefix("/") { return "a path from the root" }
        let parts = name.split(separator: "/").filter { $0 != "." }
        if parts.contains("..") { return "a path that leads out of the folder" }
        guard let last = parts.last, !name.hasSuffix("/") else { return "the name of a folder" }
        if parts.count == 1, last.lowercased() == PictureList.fileName { return "the name of the list itself" }
        return nil
    }

    /// What is wrong with a name in a list that is read; nil where it is of a file in the folder.
    ///
    /// Links must not lead out either, but to where the list itself really is: in a folder of the Hub's cache both the list and its pictures
    /// are links to one folder of contents.
    static func flaw(of name: String, in folder: URL) -> String? {
        if let flaw = flaw(of: name) { return "\(flaw): \(name)" }
        let url = folder.appending(path: name)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else { return "no file \(name)" }
        if isFolder.boolValue { return "a folder: \(name)" }
        let list = folder.appending(path: PictureList.fileName).resolvingSymlinksInPath()
        let homes = [folder.resolvingSymlinksInPath(), list.deletingLastPathComponent()].map(\.pathComponents)
        let file = url.resolvingSymlinksInPath().pathComponents
        return homes.contains { file.starts(with: $0) } ? nil : "a link that leads out of the folder: \(name)"
    }

    /// The file of a name to write to, in a folder of our own.
    ///
    /// Throws ``PictureError`` for a name with a ``flaw(of:)``, and when something on the way is a link.
    package static func target(_ name: String, in folder: URL) throws(PictureError) -> URL {
        if let flaw = flaw(of: name) {
            throw PictureError("expected a file_name inside the folder, found \(flaw): \(name)", path: folder.path)
        }
        var file = folder
        for part in name.split(separator: "/") where part != "." {
            file = file.appending(path: String(part))
            // Does not follow the link itself.
            let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
            if attributes?[.type] as? FileAttributeType == .typeSymbolicLink {
                throw PictureError(
                    "expected a file_name inside the folder, found the link \(file.path)", path: folder.path)
            }
        }
        return file
    }
}
