import Foundation

/// The treatment of a picture's transparency.
public enum Transparency: Sendable {
    /// Alpha is dropped and the file's colours are used as they are: Pillow's `convert("RGB")`, which diffusers' `load_image`, pytorch-fid
    /// and clean-fid use.
    case dropped
    /// The picture is composited on white, in the stored (gamma-encoded) values: Pillow's `alpha_composite`.
    case onWhite
}

extension Picture {
    /// Reads a PNG or JPEG file; the format is detected from its first bytes.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - transparency: the treatment of transparent pixels.
    ///   - isUpright: whether the orientation in the metadata is applied, as in Pillow's `exif_transpose` and diffusers' `load_image`;
    ///     pytorch-fid and clean-fid ignore it.
    ///   - limits: the maximum sizes.
    ///
    /// Throws ``PictureError`` with the path.
    public init(
        contentsOf url: URL, transparency: Transparency = .dropped, isUpright: Bool = false,
        limits: PictureLimits = .standard
    ) throws(PictureError) {
        let data = try limits.contents(of: url)
        do throws(PictureError) {
            try self.init(data, transparency: transparency, isUpright: isUpright, limits: limits)
        } catch {
            throw PictureError(error.reason, path: url.path)
        }
    }

    /// Decodes the bytes of a PNG or JPEG file. See ``init(contentsOf:transparency:isUpright:limits:)``.
    package init(
        _ data: Data, transparency: Transparency = .dropped, isUpright: Bool = false, limits: PictureLimits = .standard
    ) throws(PictureError) {
        let picture: Picture
        var orientation = PictureOrientation.upright
        switch PictureFormat(of: data) {
        case .png:
            picture = try PNG.decode(data, transparency: transparency, limits: limits)
            if isUpright { orientation = PNG.orientation(in: data) }
        case .jpeg:
            picture = try JPEG.decode(data, limits: limits)
            if isUpright { orientation = JPEG.orientation(in: data) }
        case nil: throw PictureError("expected a PNG or JPEG file, found \(PictureFormat.name(of: data))")
        }
        self = try picture.turned(upright: orientation)
    }
}
