import Foundation

/// The pictures of a folder and what is known of them; they are read when they are asked for.
public struct PictureFolder: Sendable {
    /// A picture and its captions, as a line of `metadata.jsonl` has them.
    public struct Entry: Sendable, Equatable {
        /// Its file, relative to the folder.
        public let fileName: String
        /// Its caption, nil where there is none.
        public var text: String?
        /// Words that fit it and others.
        public var keywords: [String] = []
        /// What it is one of, such as "an animal".
        public var group: String?
        /// What it is for, such as "train".
        public var split: String?
    }

    /// Where the pictures are.
    public let url: URL
    /// In the order of `metadata.jsonl`, or of the file names.
    public private(set) var entries: [Entry]

    /// Reads the list of a folder in the form of Hugging Face's ImageFolder, `metadata.jsonl` with an object a line of which `file_name`
    /// must be there; without that file, finds all PNG and JPEG files in the folder and those below, by name.
    ///
    /// Throws ``EvaluationError`` for a folder without pictures, a line that is not such an object, and a file that is not there.
    public init(contentsOf url: URL) throws {
        self.url = url
        let list = url.appending(path: "metadata.jsonl")
        if let lines = try? Data(contentsOf: list) {
            entries = try Self.entries(lines, of: list)
        } else {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue,
                let found = FileManager.default.enumerator(atPath: url.path)
            else { throw EvaluationError.unreadable(path: url.path, reason: "there is no such folder") }
            let names = found.compactMap { $0 as? String }
            entries = names.filter { Self.endings.contains(($0 as NSString).pathExtension.lowercased()) }.sorted()
                .map { Entry(fileName: $0) }
        }
        guard !entries.isEmpty else {
            throw EvaluationError.unsuitableContents(path: url.path, expected: "PNG or JPEG pictures", found: "none")
        }
    }

    private static let endings = ["png", "jpg", "jpeg"]

    /// A picture's file.
    public func file(_ entry: Entry) -> URL { url.appending(path: entry.fileName) }

    /// The pictures that pass a test; there may be none.
    public func filter(_ isIncluded: (Entry) -> Bool) -> PictureFolder {
        var part = self
        part.entries = entries.filter(isIncluded)
        return part
    }

    /// The pictures for a purpose, such as "held-out". Throws ``EvaluationError`` when there are none.
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

    /// The first `count` pictures; all, if there are fewer.
    public func prefix(_ count: Int) -> PictureFolder {
        var part = self
        part.entries = Array(entries.prefix(count))
        return part
    }

    /// The pictures with the lines of a text file as captions, one each and in their order. Throws ``EvaluationError`` for another number
    /// of lines.
    public func captioned(by file: URL) throws -> PictureFolder {
        guard let text = try? String(contentsOf: file, encoding: .utf8) else {
            throw EvaluationError.unreadable(path: file.path, reason: "expected a text file with a caption a line")
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

    /// All captions. Throws ``EvaluationError`` for a picture without one.
    public func captions() throws -> [String] {
        try entries.map { entry in
            guard let text = entry.text else {
                throw EvaluationError.unsuitableContents(
                    path: url.path,
                    expected: "a caption a picture, as \"text\" in metadata.jsonl or in a file of captions",
                    found: "none for \(entry.fileName)")
            }
            return text
        }
    }
}

extension PictureFolder.Entry: Decodable {
    private enum CodingKeys: String, CodingKey {
        case fileName = "file_name"
        case text, keywords, group, split
    }

    /// Reads a line; only `file_name` must be there. Throws `DecodingError`.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        fileName = try fields.decode(String.self, forKey: .fileName)
        text = try fields.decodeIfPresent(String.self, forKey: .text)
        keywords = try fields.decodeIfPresent([String].self, forKey: .keywords) ?? []
        group = try fields.decodeIfPresent(String.self, forKey: .group)
        split = try fields.decodeIfPresent(String.self, forKey: .split)
    }
}

extension PictureFolder {
    private static func entries(_ lines: Data, of list: URL) throws -> [Entry] {
        let folder = list.deletingLastPathComponent()
        return try lines.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
            .compactMap { index, line in
                if line.allSatisfy({ [UInt8(ascii: " "), UInt8(ascii: "\r")].contains($0) }) { return nil }
                guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line)) else {
                    throw EvaluationError.unsuitableContents(
                        path: "\(list.path):\(index + 1)",
                        expected: "an object with file_name, and text where it is known",
                        found: String(decoding: line.prefix(80), as: UTF8.self))
                }
                guard FileManager.default.fileExists(atPath: folder.appending(path: entry.fileName).path) else {
                    throw EvaluationError.unsuitableContents(
                        path: "\(list.path):\(index + 1)", expected: "the picture \(entry.fileName)", found: "no file")
                }
                return entry
            }
    }
}
