import Foundation
import Tensor

/// The maximum sizes of images and image lists that are read. The size in a file's header is checked before memory is allocated.
public struct PictureLimits: Sendable, Equatable {
    /// The maximum number of pixels of an image, width × height. Each takes three bytes.
    package var pixels = 89_478_485
    /// The maximum number of bytes of an image file or of a list of images.
    package var fileBytes = 1 << 30
    /// The maximum number of bytes of a line in a list of images.
    package var lineBytes = 1 << 20

    /// The defaults: the number of pixels above which Pillow warns of a decompression bomb, files of 1 GiB, lines of 1 MiB.
    package init() {}

    /// The default limits, with the maximum number of pixels from the environment variable `SWIFTBRUSH_PICTURE_PIXELS` if it is set.
    public static let standard: PictureLimits = {
        var limits = PictureLimits()
        if let pixels = EnvironmentSetting.integer("SWIFTBRUSH_PICTURE_PIXELS", in: 1...Int.max) {
            limits.pixels = pixels
        }
        return limits
    }()

    /// Reads a file's contents.
    ///
    /// Throws ``PictureError`` for anything but a regular file, such as a folder, a pipe or a device, and for a file that is too large.
    package func contents(of url: URL) throws(PictureError) -> Data { try contents(of: url, upTo: .max) }

    /// Reads a file's first bytes, with the checks of ``contents(of:)``.
    func contents(of url: URL, upTo count: Int) throws(PictureError) -> Data {
        do {
            let file = url.resolvingSymlinksInPath()
            let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
            // Reading a pipe could block, and reading a device might never end.
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

    /// Throws ``PictureError`` for an image with too many pixels.
    func check(width: Int, height: Int) throws(PictureError) {
        let (count, isTooLarge) = width.multipliedReportingOverflow(by: height)
        guard !isTooLarge, count <= pixels else {
            throw PictureError("expected at most \(pixels) pixels, found \(width) × \(height)")
        }
    }
}
