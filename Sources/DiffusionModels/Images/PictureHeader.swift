import Foundation

/// What a picture's file says of itself before its pixels.
public struct PictureHeader: Sendable, Equatable {
    /// The file's format.
    public let format: PictureFormat
    /// In pixels, as they are stored.
    public let width: Int
    /// In pixels, as they are stored.
    public let height: Int

    /// Reads the header of a PNG or JPEG file, of which the first bytes are enough.
    ///
    /// Throws ``PictureError`` for bytes of another format, which it names, and for a damaged header.
    public init(_ data: Data) throws(PictureError) {
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
    public init(contentsOf url: URL, limits: PictureLimits = .standard) throws(PictureError) {
        // The size of a JPEG file stands behind what cameras and editors note, seldom more than this.
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
