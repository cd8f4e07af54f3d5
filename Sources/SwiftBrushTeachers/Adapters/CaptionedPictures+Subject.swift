import DiffusionModels
import Foundation
import Tensor

extension CaptionedPictures {
    /// Reads the PNG and JPEG files of a folder, which need neither a list nor a common size, as pictures of one subject or style.
    ///
    /// Each is turned upright as its metadata says, composited on white, cropped to its centre square and resized.
    ///
    /// - Parameters:
    ///   - folder: the folder; its subfolders are not read.
    ///   - caption: the caption of all pictures, such as "a photo of sks dog"; nil for those of the folder's `metadata.jsonl`.
    ///   - side: the height and width of the pictures, in pixels.
    ///   - limits: the maximum sizes.
    ///
    /// Throws ``TrainingError`` for a folder without pictures, `PictureError` for a file that is not one, and `PictureList.Error` without a
    /// caption.
    public init(
        subjectIn folder: URL, caption: String?, side: Int, limits: PictureLimits = .standard
    ) throws {
        let captions: [CaptionedPicture]
        if let caption {
            captions = try Self.pictureFiles(in: folder).map { CaptionedPicture(fileName: $0, text: caption) }
        } else {
            let list = try PictureList(in: folder, limits: limits)
            captions = try list.entries.enumerated().map { index, entry in
                try CaptionedPicture(entry, number: index, of: list)
            }
        }
        try self.init(
            captions,
            captions.map { caption in
                try Picture(
                    contentsOf: folder.appending(path: caption.fileName), transparency: .onWhite, isUpright: true,
                    limits: limits
                ).centreSquare(resizedTo: side)
            })
    }

    /// The names of a folder's PNG and JPEG files by their extensions, sorted.
    private static func pictureFiles(in folder: URL) throws -> [String] {
        let names = try FileError.attempt(.reading, folder.path) {
            try FileManager.default.contentsOfDirectory(atPath: folder.path)
        }
        return names.filter {
            !$0.hasPrefix(".") && ["png", "jpg", "jpeg"].contains(($0 as NSString).pathExtension.lowercased())
        }
        .sorted()
    }
}
