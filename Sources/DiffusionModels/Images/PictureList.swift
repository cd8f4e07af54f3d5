import Foundation
import Tensor

/// The list of a folder's images in the format of Hugging Face's ImageFolder: `metadata.jsonl`, one JSON object per line.
///
/// ```json
/// {"file_name": "heart/red-heart.png", "text": "red heart", "keywords": ["love"], "group": "a heart", "split": "train"}
/// ```
package struct PictureList: Sendable {
    /// The error of a list, or of one of its images.
    package struct Error: Swift.Error, Equatable, CustomStringConvertible {
        /// The list's file.
        package let path: String
        /// The line, from 1; nil for an error of the whole list.
        package let line: Int?
        /// What was expected.
        package let expected: String
        /// What was found.
        package let found: String

        /// One sentence with what was expected and what was found.
        package var description: String {
            "\(path)\(line.map { ":\($0)" } ?? ""): expected \(expected), found \(found)"
        }
    }

    /// The list's file name in its folder.
    package static let fileName = "metadata.jsonl"

    /// The entries, in the order of their lines.
    package let entries: [PictureEntry]
    private let lines: [Int]
    private let path: String

    /// Reads a folder's list.
    ///
    /// Throws ``Error`` for a folder without one, a list or line above the limits, a line that is not a ``PictureEntry``, an image that
    /// does not exist, and a `file_name` that leads out of the folder.
    package init(in folder: URL, limits: PictureLimits = .standard) throws(Error) {
        let file = folder.appending(path: Self.fileName)
        path = file.path
        let data: Data
        do throws(PictureError) { data = try limits.contents(of: file) } catch {
            throw Error(
                path: path, line: nil, expected: "a list of images, one JSON object per line", found: error.reason)
        }
        var (entries, lines): ([PictureEntry], [Int]) = ([], [])
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ [UInt8(ascii: " "), UInt8(ascii: "\r")].contains($0) }) { continue }
            guard line.count <= limits.lineBytes else {
                throw Error(
                    path: path, line: index + 1, expected: "at most \(limits.lineBytes) bytes", found: "\(line.count)")
            }
            guard let entry = try? JSONDecoder().decode(PictureEntry.self, from: Data(line)) else {
                throw Error(
                    path: path, line: index + 1,
                    expected: "an object with file_name, and optionally text, keywords, group, split, weight",
                    found: String(decoding: line.prefix(80), as: UTF8.self))
            }
            if let found = PictureFileName.flaw(of: entry.fileName, in: folder) {
                throw Error(path: path, line: index + 1, expected: "a picture in the folder", found: found)
            }
            entries.append(entry)
            lines.append(index + 1)
        }
        (self.entries, self.lines) = (entries, lines)
    }

    /// An error in the line of an entry, or in the list as a whole.
    package func error(inEntry index: Int? = nil, expected: String, found: String) -> Error {
        Error(path: path, line: index.map { lines[$0] }, expected: expected, found: found)
    }

    /// Whether a folder has a list.
    package static func exists(in folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: fileName).path)
    }

    /// Writes a folder's list atomically. Throws ``Error`` for a `file_name` that leads out of the folder, and
    /// `FileError`.
    package static func write(_ entries: [PictureEntry], in folder: URL) throws {
        try DurableFile.write(encoded(entries, in: folder), to: folder.appending(path: fileName))
    }

    /// Appends entries to an existing list. Throws as ``write(_:in:)``.
    package static func append(_ entries: [PictureEntry], in folder: URL) throws {
        let (encoded, url) = (try encoded(entries, in: folder), folder.appending(path: fileName))
        try FileError.attempt(.writing, url.path) {
            let file = try FileHandle(forWritingTo: url)
            defer { try? file.close() }
            try file.seekToEnd()
            try file.write(contentsOf: encoded)
        }
    }

    private static func encoded(_ entries: [PictureEntry], in folder: URL) throws -> Data {
        for entry in entries {
            guard let flaw = PictureFileName.flaw(of: entry.fileName) else { continue }
            throw Error(
                path: folder.appending(path: fileName).path, line: nil, expected: "a picture in the folder",
                found: "\(flaw): \(entry.fileName)")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try entries.reduce(into: Data()) { $0 += try encoder.encode($1) + Data("\n".utf8) }
    }
}
