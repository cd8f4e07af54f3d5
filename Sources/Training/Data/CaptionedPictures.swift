import DiffusionModels
import Foundation
import Tensor

/// Pictures of one size with captions.
public struct CaptionedPictures: Sendable {
    /// The captions, in the order of the pictures.
    public let captions: [CaptionedPicture]
    /// The pictures, all of one size.
    public let pictures: [Picture]

    /// Pictures of one size, a caption each.
    public init(_ captions: [CaptionedPicture], _ pictures: [Picture]) {
        precondition(
            captions.count == pictures.count && !pictures.isEmpty
                && pictures.allSatisfy { ($0.width, $0.height) == (pictures[0].width, pictures[0].height) },
            "CaptionedPictures: expected a caption a picture and pictures of one size, found \(captions.count) captions "
                + "and \(pictures.count) pictures")
        (self.captions, self.pictures) = (captions, pictures)
    }

    /// Reads a folder in the form of Hugging Face's ImageFolder: PNG files, and `metadata.jsonl` with a line a picture, see
    /// ``CaptionedPicture``.
    ///
    /// Throws ``TrainingError/data(path:line:expected:found:)`` for a missing file, a line that is not such an object, a
    /// picture of another size than the first, and a folder without pictures to train with.
    public init(contentsOf folder: URL) throws {
        let list = folder.appending(path: Self.listName)
        guard let text = try? Data(contentsOf: list) else {
            throw TrainingError.data(path: list.path, expected: "captions, a JSON object a line", found: "no file")
        }
        var captions: [CaptionedPicture] = []
        var pictures: [Picture] = []
        for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }) { continue }
            func error(_ expected: String, _ found: String) -> TrainingError {
                .data(path: list.path, line: index + 1, expected: expected, found: found)
            }
            let caption: CaptionedPicture
            do {
                caption = try JSONDecoder().decode(CaptionedPicture.self, from: Data(line))
            } catch {
                let start = String(decoding: line.prefix(80), as: UTF8.self)
                throw TrainingError.data(
                    path: list.path, line: index + 1,
                    expected: "an object with file_name and text, and keywords, group, split, weight where they are "
                        + "known", found: start)
            }
            let file = folder.appending(path: caption.fileName)
            guard FileManager.default.fileExists(atPath: file.path) else {
                throw error("the picture \(caption.fileName)", "no file")
            }
            let picture: Picture
            do { picture = try PNG.read(file) } catch { throw Self.unreadable(list, index + 1, error) }
            if let first = pictures.first, (picture.width, picture.height) != (first.width, first.height) {
                throw error(
                    "\(caption.fileName) of \(first.width) × \(first.height) pixels, as the first picture",
                    "\(picture.width) × \(picture.height)")
            }
            captions.append(caption)
            pictures.append(picture)
        }
        guard captions.contains(where: { $0.split == .train && $0.weight > 0 }) else {
            throw TrainingError.data(path: list.path, expected: "pictures to train with", found: "none")
        }
        self.init(captions, pictures)
    }

    /// Writes a folder that ``init(contentsOf:)`` reads. Throws what the file system throws.
    public func save(to folder: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var lines = Data()
        for (caption, picture) in zip(captions, pictures) {
            let file = folder.appending(path: caption.fileName)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try PNG.write(picture, to: file)
            lines += try encoder.encode(caption) + Data("\n".utf8)
        }
        try lines.write(to: folder.appending(path: Self.listName), options: .atomic)
    }

    private static let listName = "metadata.jsonl"

    private static func unreadable(_ list: URL, _ line: Int, _ error: any Error) -> TrainingError {
        .data(path: list.path, line: line, expected: "a PNG file", found: "\(error)")
    }
}

extension CaptionedPictures {
    /// How many.
    public var count: Int { captions.count }
    /// The height of each, in pixels.
    public var height: Int { pictures[0].height }
    /// The width of each, in pixels.
    public var width: Int { pictures[0].width }

    /// The pictures of one split, or at most `count` of them, evenly spread.
    public func split(_ split: CaptionedPicture.Split, atMost count: Int = .max) -> [Int] {
        let all = captions.indices.filter { captions[$0].split == split }
        let count = min(count, all.count)
        return (0..<count).map { all[$0 * all.count / count] }
    }

    /// Those pictures alone, at least one.
    public func subset(_ indices: [Int]) -> CaptionedPictures {
        CaptionedPictures(indices.map { captions[$0] }, indices.map { pictures[$0] })
    }

    /// The colours of some pictures, `[indices, height, width, 3]` in −1…1.
    public func colours(_ indices: [Int]) -> Tensor {
        .concatenate(indices.map { pictures[$0].tensor.reshaped(to: [1, height, width, 3]) }, axis: 0)
    }
}
