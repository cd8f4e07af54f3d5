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

    /// A picture from `3 · width · height` bytes.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        require(
            width > 0 && height > 0 && pixels.count == 3 * width * height,
            "Picture: expected 3 bytes per pixel of \(width) × \(height), found \(pixels.count)")
        (self.width, self.height, self.pixels) = (width, height, pixels)
    }

    /// A picture from a tensor `[height, width, 3]` in −1…1, such as the autoencoder's output: clamp(x/2 + ½) · 255, rounded half to
    /// even as in diffusers. Throws ``ModelError/nonFinitePicture(count:total:)``.
    public init(_ colours: Tensor) throws {
        require(
            colours.rank == 3 && colours.shape[2] == 3,
            "Picture: expected [height, width, 3], found \(colours.shape)")
        let count = colours.nonFiniteCount()
        guard count == 0 else { throw ModelError.nonFinitePicture(count: count, total: colours.count) }
        let pixels = colours.withUnsafeScalars { scalars in
            scalars.map { UInt8((min(max($0 / 2 + 0.5, 0), 1) * 255).rounded(.toNearestOrEven)) }
        }
        self.init(width: colours.shape[1], height: colours.shape[0], pixels: pixels)
    }

    /// The picture as a tensor `[height, width, 3]` in −1…1, the autoencoder's input.
    public var tensor: Tensor {
        Tensor(pixels.map { Float($0) / 127.5 - 1 }, shape: [height, width, 3])
    }
}

extension Picture {
    /// A grid with about as many rows as columns; a single picture is returned unchanged. See ``grid(_:columns:spacing:)``.
    public static func grid(_ pictures: [Picture]) -> Picture {
        if pictures.count == 1 { return pictures[0] }
        return grid(pictures, columns: Int(Double(pictures.count).squareRoot().rounded(.up)))
    }

    /// A grid of pictures of one size, row by row, on white.
    ///
    /// - Parameters:
    ///   - pictures: at least one picture, all of one size.
    ///   - columns: the number of pictures per row.
    ///   - spacing: white pixels between and around the pictures.
    public static func grid(_ pictures: [Picture], columns: Int, spacing: Int = 2) -> Picture {
        guard let first = pictures.first else { fatalError("Picture.grid: expected at least one picture") }
        require(
            columns > 0 && spacing >= 0
                && pictures.allSatisfy { ($0.width, $0.height) == (first.width, first.height) },
            "Picture.grid: expected pictures of one size and at least one column")
        let rows = (pictures.count + columns - 1) / columns
        let width = columns * (first.width + spacing) + spacing
        let height = rows * (first.height + spacing) + spacing
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
        return Picture(width: width, height: height, pixels: pixels)
    }

    /// The picture with every pixel enlarged to `factor` × `factor` pixels, for viewing small pictures.
    public func enlarged(by factor: Int) -> Picture {
        require(factor > 0, "Picture.enlarged(by:): expected a positive factor, found \(factor)")
        var enlarged: [UInt8] = []
        enlarged.reserveCapacity(pixels.count * factor * factor)
        for y in 0..<height * factor {
            for x in 0..<width * factor {
                let source = 3 * (y / factor * width + x / factor)
                enlarged += pixels[source..<source + 3]
            }
        }
        return Picture(width: width * factor, height: height * factor, pixels: enlarged)
    }
}
