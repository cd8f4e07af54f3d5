import DiffusionModels
import Foundation
import Tensor

/// A data set of captioned pictures of the same size.
public struct CaptionedPictures: Sendable {
    /// The captions, in the order of the pictures.
    public let captions: [CaptionedPicture]
    /// The pictures, all of the same size.
    public let pictures: [Picture]

    /// Creates a data set of pictures of the same size with one caption per picture. Throws ``TrainingError`` for any other.
    public init(_ captions: [CaptionedPicture], _ pictures: [Picture]) throws(TrainingError) {
        try TrainingError.check(!pictures.isEmpty, "pictures", expected: "at least one", found: "none")
        try TrainingError.check(
            captions.count == pictures.count, "captions", expected: "one for each of \(pictures.count) pictures",
            found: captions.count)
        let (width, height) = (pictures[0].width, pictures[0].height)
        if let other = pictures.first(where: { ($0.width, $0.height) != (width, height) }) {
            throw .invalidSetting(
                name: "pictures", expected: "the first one's \(width) × \(height) pixels for all",
                found: "\(other.width) × \(other.height)")
        }
        (self.captions, self.pictures) = (captions, pictures)
    }

    /// Reads a folder of PNG or JPEG files with a `PictureList`, whose entries all have text and either a split of ``CaptionedPicture``
    /// or none. Transparent pictures are composited on white, and the orientation in the files' metadata is applied.
    ///
    /// Throws `PictureList.Error` for a missing file, an invalid line, a picture whose size differs from the first one's, and a
    /// folder without training pictures.
    public init(contentsOf folder: URL, limits: PictureLimits = .standard) throws {
        let list = try PictureList(in: folder, limits: limits)
        var captions: [CaptionedPicture] = []
        var pictures: [Picture] = []
        for (index, entry) in list.entries.enumerated() {
            captions.append(try CaptionedPicture(entry, number: index, of: list))
            let picture: Picture
            do {
                picture = try Picture(
                    contentsOf: folder.appending(path: entry.fileName), transparency: .onWhite, isUpright: true,
                    limits: limits)
            } catch {
                throw list.error(inEntry: index, expected: "a PNG or JPEG file", found: "\(error)")
            }
            if let first = pictures.first, (picture.width, picture.height) != (first.width, first.height) {
                throw list.error(
                    inEntry: index,
                    expected: "\(entry.fileName) of \(first.width) × \(first.height) pixels, as the first picture",
                    found: "\(picture.width) × \(picture.height)")
            }
            pictures.append(picture)
        }
        guard captions.contains(where: { $0.split == .train && $0.weight > 0 }) else {
            throw list.error(expected: "training pictures with a positive weight", found: "none")
        }
        try self.init(captions, pictures)
    }

    /// Writes a folder that ``init(contentsOf:limits:)`` reads. Throws `PictureError` for a `file_name` outside the folder, before
    /// anything is written, and `FileError`.
    public func save(to folder: URL) throws {
        let files = try captions.map { try PictureFileName.target($0.fileName, in: folder) }
        for (file, picture) in zip(files, pictures) {
            try DurableFile.makeFolder(file.deletingLastPathComponent())
            try PNG.write(picture, to: file)
        }
        try PictureList.write(captions.map(\.entry), in: folder)
    }
}

extension CaptionedPictures {
    /// The number of pictures.
    public var count: Int { captions.count }
    /// The height of all pictures, in pixels.
    public var height: Int { pictures[0].height }
    /// The width of all pictures, in pixels.
    public var width: Int { pictures[0].width }

    /// The indices of the pictures of a split, or of at most `count` of them, evenly spread.
    public func split(_ split: CaptionedPicture.Split, atMost count: Int = .max) -> [Int] {
        let all = captions.indices.filter { captions[$0].split == split }
        let count = min(max(count, 0), all.count)
        return (0..<count).map { all[$0 * all.count / count] }
    }

    /// The data set of the pictures with the given indices. Throws ``TrainingError`` for no indices, and for one outside the set.
    public func subset(_ indices: [Int]) throws(TrainingError) -> CaptionedPictures {
        if let index = indices.first(where: { !captions.indices.contains($0) }) {
            throw .invalidSetting(name: "indices", expected: "0 to \(count - 1)", found: "\(index)")
        }
        return try CaptionedPictures(indices.map { captions[$0] }, indices.map { pictures[$0] })
    }

    /// The colours of the pictures with the given indices, `[indices, height, width, 3]` in −1…1.
    public func colours(_ indices: [Int]) -> Tensor {
        .concatenate(indices.map { pictures[$0].tensor.reshaped(to: [1, height, width, 3]) }, axis: 0)
    }
}
