import Foundation
import Tensor

/// The files of a folder and those below that are pictures by the endings of their names.
struct PictureSearch {
    /// PNG and JPEG files relative to the folder, sorted.
    private(set) var names: [String] = []
    /// How many files have which ending of a picture that is not read.
    private(set) var leftOut: [String: Int] = [:]

    private static let endings: Set = ["png", "jpg", "jpeg"]
    /// Most of them count for pytorch-fid and clean-fid.
    private static let otherEndings: Set = [
        "avif", "bmp", "gif", "heic", "heif", "jfif", "jp2", "jpe", "jxl", "pbm", "pgm", "pnm", "ppm", "tga", "tif",
        "tiff", "webp",
    ]

    /// Follows links to folders too, but looks into each folder once, so that links in a circle end. Throws ``EvaluationError`` for what is
    /// no folder or cannot be looked into.
    init(in folder: URL) throws {
        guard Self.isFolder(folder.path) else {
            throw EvaluationError.unreadable(path: folder.path, reason: "there is no such folder")
        }
        // Links wait until the last of the folders, so that a picture has its own name where it has one.
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
        let ending = (name as NSString).pathExtension.lowercased()
        if Self.endings.contains(ending) { names.append(name) }
        if Self.otherEndings.contains(ending) { leftOut[ending, default: 0] += 1 }
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}
