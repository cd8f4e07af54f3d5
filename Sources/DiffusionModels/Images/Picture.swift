import Foundation
import Tensor

/// An RGB picture with 8 bits per channel.
public struct Picture: Sendable, Equatable {
    /// The width in pixels.
    public let width: Int
    /// The height in pixels.
    public let height: Int
    /// Red, green and blue of every pixel, row by row from the top left.
    public let pixels: [UInt8]

    /// A picture from `3 · width · height` bytes. Throws ``PictureError`` for another number of bytes, and for a size below 1 × 1.
    public init(width: Int, height: Int, pixels: [UInt8]) throws(PictureError) {
        let (count, isTooLarge) = width.multipliedReportingOverflow(by: height)
        guard width > 0, height > 0, !isTooLarge, pixels.count % 3 == 0, pixels.count / 3 == count else {
            throw PictureError(
                "Picture: expected at least one pixel and 3 bytes per pixel, found \(pixels.count) bytes for \(width) × \(height)"
            )
        }
        (self.width, self.height, self.pixels) = (width, height, pixels)
    }

    /// A picture from a tensor `[height, width, 3]` in −1…1, such as the autoencoder's output: clamp(x/2 + ½) · 255, rounded half to
    /// even as in diffusers. Throws ``ModelError/nonFinitePicture(count:total:)``, and ``PictureError`` for another shape.
    public init(_ colours: Tensor) throws {
        guard colours.rank == 3, colours.shape[2] == 3, colours.count > 0 else {
            throw PictureError("Picture: expected [height, width, 3], found \(colours.shape)")
        }
        let count = colours.nonFiniteCount()
        guard count == 0 else { throw ModelError.nonFinitePicture(count: count, total: colours.count) }
        let pixels = colours.withUnsafeScalars { scalars in
            scalars.map { UInt8((min(max($0 / 2 + 0.5, 0), 1) * 255).rounded(.toNearestOrEven)) }
        }
        try self.init(width: colours.shape[1], height: colours.shape[0], pixels: pixels)
    }

    /// The picture as a tensor `[height, width, 3]` in −1…1, the autoencoder's input.
    public var tensor: Tensor {
        Tensor(pixels.map { Float($0) / 127.5 - 1 }, shape: [height, width, 3])
    }
}

extension Picture {
    /// A grid with about as many rows as columns; a single picture is returned unchanged. See ``grid(_:columns:spacing:)``.
    public static func grid(_ pictures: [Picture]) throws(PictureError) -> Picture {
        if pictures.count == 1 { return pictures[0] }
        return try grid(pictures, columns: max(1, Int(Double(pictures.count).squareRoot().rounded(.up))))
    }

    /// A grid of pictures of one size, row by row, on white.
    ///
    /// - Parameters:
    ///   - pictures: at least one picture, all of one size.
    ///   - columns: the number of pictures per row.
    ///   - spacing: white pixels between and around the pictures.
    ///
    /// Throws ``PictureError`` for no pictures, pictures of different sizes, and a grid without columns or that does not fit in memory.
    public static func grid(
        _ pictures: [Picture], columns: Int, spacing: Int = 2
    ) throws(PictureError) -> Picture {
        guard let first = pictures.first else {
            throw PictureError("Picture.grid: expected at least one picture, found none")
        }
        if let other = pictures.first(where: { ($0.width, $0.height) != (first.width, first.height) }) {
            throw PictureError(
                "Picture.grid: expected pictures of the first one's \(first.width) × \(first.height) pixels, found "
                    + "\(other.width) × \(other.height)")
        }
        let extents = 0...65_536
        guard columns > 0, extents.contains(columns), extents.contains(spacing) else {
            throw PictureError(
                "Picture.grid: expected 1 to 65536 columns and a spacing of 0 to 65536 pixels, found \(columns) and \(spacing)"
            )
        }
        let rows = (pictures.count + columns - 1) / columns
        let width = columns * (first.width + spacing) + spacing
        let height = rows * (first.height + spacing) + spacing
        try checkMemory("Picture.grid", width: width, height: height)
        var pixels = [UInt8](repeating: 255, count: 3 * width * height)
        for (index, picture) in pictures.enumerated() {
            let left = spacing + index % columns * (first.width + spacing)
            let top = spacing + index / columns * (first.height + spacing)
            for y in 0..<first.height {
                let target = 3 * ((top + y) * width + left)
                let source = 3 * y * first.width
                pixels.replaceSubrange(
                    target..<target + 3 * first.width, with: picture.pixels[source..<source + 3 * first.width])
            }
        }
        return try Picture(width: width, height: height, pixels: pixels)
    }

    /// The picture with every pixel enlarged to `factor` × `factor` pixels, for viewing small pictures. Throws ``PictureError`` for a factor
    /// below 1, and one with which the picture does not fit in memory.
    public func enlarged(by factor: Int) throws(PictureError) -> Picture {
        guard (1...65_536).contains(factor) else {
            throw PictureError("Picture.enlarged(by:): expected a factor from 1 to 65536, found \(factor)")
        }
        try Self.checkMemory("Picture.enlarged(by:)", width: width * factor, height: height * factor)
        var enlarged: [UInt8] = []
        enlarged.reserveCapacity(pixels.count * factor * factor)
        for y in 0..<height * factor {
            for x in 0..<width * factor {
                let source = 3 * (y / factor * width + x / factor)
                enlarged += pixels[source..<source + 3]
            }
        }
        return try Picture(width: width * factor, height: height * factor, pixels: enlarged)
    }

    /// Throws ``PictureError`` for a picture that does not fit in the memory available to the process.
    static func checkMemory(
        _ operation: String, width: Int, height: Int, bytesPerColour: Double = 1
    ) throws(PictureError) {
        let available = MemoryLimit.current.available
        guard 3 * bytesPerColour * Double(width) * Double(height) <= Double(available) else {
            throw PictureError(
                "\(operation): expected a picture that fits in \(available >> 20) MiB of memory, found \(width) × \(height) pixels"
            )
        }
    }
}
