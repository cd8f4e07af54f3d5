import Foundation
import Tensor

/// How large pictures and their lists may be that are read. What a file claims is compared with them before memory is taken.
public struct PictureLimits: Sendable, Equatable {
    /// The most pixels of a picture, width × height. Three bytes are taken for each.
    public var pixels = 89_478_485
    /// The most bytes of a picture's file or of a list of pictures.
    public var fileBytes = 1 << 30
    /// The most bytes of a line in a list of pictures.
    public var lineBytes = 1 << 20

    /// As many pixels as Pillow reads before it warns of a decompression bomb, files of 1 GiB, lines of 1 MiB.
    public init() {}

    /// The usual limits, with the number of pixels in the environment variable `SWIFTBRUSH_PICTURE_PIXELS` where there is one.
    public static let standard: PictureLimits = {
        var limits = PictureLimits()
        let text = ProcessInfo.processInfo.environment["SWIFTBRUSH_PICTURE_PIXELS"]
        if let pixels = text.flatMap({ Int($0) }), pixels > 0 { limits.pixels = pixels }
        return limits
    }()

    /// A file's contents.
    ///
    /// Throws ``PictureError`` for what is no plain file, such as a folder, a pipe or a device, and for one that is too large.
    public func contents(of url: URL) throws(PictureError) -> Data { try contents(of: url, upTo: .max) }

    /// A file's first bytes, as ``contents(of:)``.
    func contents(of url: URL, upTo count: Int) throws(PictureError) -> Data {
        do {
            let file = url.resolvingSymlinksInPath()
            let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
            // A pipe would be waited for, and a device read without end.
            guard attributes[.type] as? FileAttributeType == .typeRegular else {
                throw PictureError("expected a file, found a folder or device", path: url.path)
            }
            let size = (attributes[.size] as? NSNumber)?.intValue ?? 0
            guard size <= fileBytes else {
                throw PictureError("expected at most \(fileBytes) bytes, found \(size)", path: url.path)
            }
            let handle = try FileHandle(forReadingFrom: file)
            defer { try? handle.close() }
            return try handle.read(upToCount: min(count, size)) ?? Data()
        } catch let error as PictureError {
            throw error
        } catch {
            let isMissing = !FileManager.default.fileExists(atPath: url.path)
            throw PictureError(
                isMissing ? "there is no such file" : "cannot be read: \(FileError.reason(of: error))", path: url.path)
        }
    }

    /// Throws ``PictureError`` for a picture with more pixels than are allowed.
    func check(width: Int, height: Int) throws(PictureError) {
        let (count, isTooLarge) = width.multipliedReportingOverflow(by: height)
        guard !isTooLarge, count <= pixels else {
            throw PictureError("expected at most \(pixels) pixels, found \(width) × \(height)")
        }
    }
}
