import Foundation

/// The header of an image file.
package struct PictureHeader: Sendable, Equatable {
    /// The file's format.
    package let format: PictureFormat
    /// The stored width in pixels, before any orientation is applied.
    package let width: Int
    /// The stored height in pixels, before any orientation is applied.
    package let height: Int

    /// Reads the header of a PNG or JPEG file from its first bytes.
    ///
    /// Throws ``PictureError`` for bytes of another format, which it names, and for a damaged header.
    package init(_ data: Data) throws(PictureError) {
        guard let format = PictureFormat(of: data) else {
            throw PictureError("expected a PNG or JPEG file, found \(PictureFormat.name(of: data))")
        }
        self.format = format
        switch format {
        case .png: (width, height) = try PNG.size(in: data)
        case .jpeg: (width, height) = try JPEG.size(in: data)
        }
    }

    /// Reads the header of a file without reading its pixels. Throws ``PictureError`` with the path.
    package init(contentsOf url: URL, limits: PictureLimits = .standard) throws(PictureError) {
        // In a JPEG file the size comes after the metadata of cameras and editors, which is seldom larger than this.
        if let header = try? PictureHeader(limits.contents(of: url, upTo: 1 << 16)) {
            self = header
            return
        }
        do throws(PictureError) {
            self = try PictureHeader(limits.contents(of: url))
        } catch {
            throw PictureError(error.reason, path: url.path)
        }
    }
}
