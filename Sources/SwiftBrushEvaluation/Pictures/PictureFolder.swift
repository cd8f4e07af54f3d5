import DiffusionModels
import Foundation
import Tensor

/// The pictures of a folder with their metadata; the files are read on demand.
public struct PictureFolder: Sendable {
    /// The folder.
    public let url: URL
    /// The pictures' entries, in the order of `metadata.jsonl`, or of the file names.
    public private(set) var entries: [PictureEntry]
    /// The number of files in unsupported image formats by extension, such as "webp"; empty for a folder with a list.
    public let leftOut: [String: Int]

    /// Reads a folder's `PictureList`; without one, finds all PNG and JPEG files in the folder and its subfolders, sorted by name.
    ///
    /// Links to folders are followed, and each folder is searched once. Hidden files, and those that macOS leaves in archives
    /// (`__MACOSX`), are ignored.
    ///
    /// Throws `PictureList.Error` for a list that cannot be read or names a missing picture, and ``EvaluationError`` for a folder without
    /// pictures.
    public init(contentsOf url: URL, limits: PictureLimits = .standard) throws {
        self.url = url
        if PictureList.exists(in: url) {
            (entries, leftOut) = (try PictureList(in: url, limits: limits).entries, [:])
        } else {
            let search = try PictureSearch(in: url)
            (entries, leftOut) = (search.names.map { PictureEntry(fileName: $0) }, search.leftOut)
        }
        guard !entries.isEmpty else {
            throw EvaluationError.unsuitableContents(
                path: url.path, expected: "PNG or JPEG pictures", found: leftOutText ?? "none")
        }
    }

    /// Warnings that affect the comparison of the folder's metrics with others: skipped files in unsupported image formats.
    public var warnings: [String] {
        leftOutText.map { ["\(url.path): skipped \($0); only PNG and JPEG are read"] } ?? []
    }

    private var leftOutText: String? {
        if leftOut.isEmpty { return nil }
        return leftOut.sorted { $0.key < $1.key }.map { "\($0.value) .\($0.key)" }.joined(separator: ", ")
    }

    /// The file of an entry.
    public func file(_ entry: PictureEntry) -> URL { url.appending(path: entry.fileName) }

    /// The pictures whose entries satisfy a predicate; there may be none.
    public func filter(_ isIncluded: (PictureEntry) -> Bool) -> PictureFolder {
        var part = self
        part.entries = entries.filter(isIncluded)
        return part
    }

    /// The pictures of a split, such as "held-out". Throws ``EvaluationError`` if there are none.
    public func split(_ name: String) throws -> PictureFolder {
        let part = filter { $0.split == name }
        guard !part.entries.isEmpty else {
            let splits = Set(entries.compactMap(\.split)).sorted().joined(separator: ", ")
            throw EvaluationError.unsuitableContents(
                path: url.path, expected: "pictures of the split \"\(name)\"",
                found: splits.isEmpty ? "no splits" : splits)
        }
        return part
    }

    /// The first `count` pictures, or all if there are fewer.
    public func prefix(_ count: Int) -> PictureFolder {
        var part = self
        part.entries = Array(entries.prefix(max(count, 0)))
        return part
    }

    /// The pictures with the lines of a text file as captions, one line per picture, in order. Throws ``EvaluationError`` for a
    /// different number of lines.
    public func captioned(by file: URL) throws -> PictureFolder {
        guard let data = try? PictureLimits.standard.contents(of: file), let text = String(data: data, encoding: .utf8)
        else {
            throw EvaluationError.unreadable(path: file.path, reason: "expected a text file with one caption per line")
        }
        var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
        if lines.last == "" { lines.removeLast() }
        guard lines.count == entries.count else {
            throw EvaluationError.unsuitableContents(
                path: file.path, expected: "a caption for each of \(entries.count) pictures in \(url.path)",
                found: "\(lines.count) lines")
        }
        var captioned = self
        for (index, line) in lines.enumerated() { captioned.entries[index].text = line }
        return captioned
    }

    /// Whether each picture has a caption.
    public var isCaptioned: Bool { entries.allSatisfy { $0.text != nil } }

    /// All captions. Throws ``EvaluationError`` for a picture without one.
    public func captions() throws -> [String] {
        try entries.map { entry in
            guard let text = entry.text else {
                throw EvaluationError.unsuitableContents(
                    path: url.path,
                    expected: "one caption per picture, as \"text\" in metadata.jsonl or in a file of captions",
                    found: "none for \(entry.fileName)")
            }
            return text
        }
    }
}
