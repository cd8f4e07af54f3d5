import Foundation

/// What becomes of a picture's transparency.
public enum Transparency: Sendable {
    /// It is dropped, and what colours the file has below it appear: Pillow's `convert("RGB")`, and with it diffusers' `load_image`,
    /// pytorch-fid and clean-fid.
    case dropped
    /// The picture is put on white, in the stored values: Pillow's `alpha_composite`.
    case onWhite
}

extension Picture {
    /// Reads a PNG or JPEG file, which its first bytes tell apart.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - transparency: what becomes of transparent parts.
    ///   - isUpright: whether the orientation that a camera noted is applied, as Pillow's `exif_transpose` does and diffusers' `load_image`
    ///     with it; pytorch-fid and clean-fid do not.
    ///   - limits: how large it may be.
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

    /// The picture in the bytes of a PNG or JPEG file. See ``init(contentsOf:transparency:isUpright:limits:)``.
    public init(
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
        self = picture.turned(upright: orientation)
    }
}
