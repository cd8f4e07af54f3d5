import Foundation

/// Checks that a `file_name` stays in the folder of its list. Lists may be untrusted: no file outside the folder is read or written.
package enum PictureFileName {
    /// The flaw of a name; nil for a valid name of a file in the folder or its subfolders.
    package static func flaw(of name: String) -> String? {
        if name.isEmpty { return "an empty name" }
        if name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) {
            return "a name with control characters"
        }
        if name.hasPrefix("/") { return "an absolute path" }
        let parts = name.split(separator: "/").filter { $0 != "." }
        if parts.contains("..") { return "a path that leads out of the folder" }
        guard let last = parts.last, !name.hasSuffix("/") else { return "the name of a folder" }
        if parts.count == 1, last.lowercased() == PictureList.fileName { return "the name of the list itself" }
        return nil
    }

    /// The flaw of a name in a list that is being read; nil for an existing file in the folder.
    ///
    /// Links must not lead out of the folder either, except into the real folder of the list: in the Hugging Face Hub's cache, the list and
    /// its images are links into one folder of contents.
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

    /// The file to write for a name, in an output folder.
    ///
    /// Throws ``PictureError`` for a name with a ``flaw(of:)``, and if any component of its path is a symbolic link.
    package static func target(_ name: String, in folder: URL) throws(PictureError) -> URL {
        if let flaw = flaw(of: name) {
            throw PictureError("expected a file_name inside the folder, found \(flaw): \(name)", path: folder.path)
        }
        var file = folder
        for part in name.split(separator: "/") where part != "." {
            file = file.appending(path: String(part))
            // `attributesOfItem` does not resolve a link at the end of the path.
            let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
            if attributes?[.type] as? FileAttributeType == .typeSymbolicLink {
                throw PictureError(
                    "expected a file_name inside the folder, found the link \(file.path)", path: folder.path)
            }
        }
        return file
    }
}
