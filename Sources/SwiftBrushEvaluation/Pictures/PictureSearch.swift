import Foundation
import Tensor

/// The image files of a folder and its subfolders, recognised by their extensions.
struct PictureSearch {
    /// The paths of PNG and JPEG files relative to the folder, sorted.
    private(set) var names: [String] = []
    /// The number of files in unsupported image formats, by extension.
    private(set) var leftOut: [String: Int] = [:]

    private static let extensions: Set = ["png", "jpg", "jpeg"]
    /// The extensions of unsupported image formats, most of which pytorch-fid and clean-fid read.
    private static let unsupportedExtensions: Set = [
        "avif", "bmp", "gif", "heic", "heif", "jfif", "jp2", "jpe", "jxl", "pbm", "pgm", "pnm", "ppm", "tga", "tif",
        "tiff", "webp",
    ]

    /// Searches a folder, following links to folders but searching each folder once, so that cyclic links end. Throws
    /// ``EvaluationError`` for a path that is not a folder or cannot be listed.
    init(in folder: URL) throws {
        guard Self.isFolder(folder.path) else {
            throw EvaluationError.unreadable(path: folder.path, reason: "there is no such folder")
        }
        // Links are followed after all folders, so that a file in the folder is found under its own path.
        var (waiting, links, seen) = ([""], [String](), Set<String>())
        while let path = waiting.popLast() ?? links.popLast() {
            let place = path.isEmpty ? folder : folder.appending(path: path)
            guard seen.insert(place.resolvingSymlinksInPath().path).inserted else { continue }
            let contents: [String]
            do { contents = try FileManager.default.contentsOfDirectory(atPath: place.path) } catch {
                throw EvaluationError.unreadable(path: place.path, reason: FileError.reason(of: error))
            }
            for name in contents.sorted() where !name.hasPrefix(".") && name != "__MACOSX" {
                let inner = path.isEmpty ? name : "\(path)/\(name)"
                let file = place.appending(path: name).path
                if Self.isFolder(file) {
                    let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: file)) != nil
                    if isLink { links.append(inner) } else { waiting.append(inner) }
                } else {
                    add(inner)
                }
            }
        }
        names.sort()
    }

    private mutating func add(_ name: String) {
        let fileExtension = (name as NSString).pathExtension.lowercased()
        if Self.extensions.contains(fileExtension) { names.append(name) }
        if Self.unsupportedExtensions.contains(fileExtension) { leftOut[fileExtension, default: 0] += 1 }
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}
