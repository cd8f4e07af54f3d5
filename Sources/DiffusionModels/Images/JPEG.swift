import CSwiftBrushTurboJPEG
import Foundation

/// JPEG files, through libjpeg-turbo.
package enum JPEG {
    /// Decodes a JPEG file as Pillow reads it in RGB: baseline or progressive; grey, three-component colour, CMYK or YCCK.
    ///
    /// Throws ``PictureError`` for a file that is damaged or truncated, and for one whose header claims more pixels than `limits`
    /// allows or its bytes can hold.
    package static func decode(_ data: Data, limits: PictureLimits = .standard) throws(PictureError) -> Picture {
        let decoder = try Decoder(data)
        let (width, height) = (decoder.width, decoder.height)
        try limits.check(width: width, height: height)
        // A block of 8 × 8 pixels takes at least one bit.
        guard isArithmetic(data) || width * height / 512 <= data.count else {
            throw unreadable("\(data.count) bytes cannot hold the \(width) × \(height) pixels that it claims")
        }
        if decoder.isCMYK { return try fromCMYK(decoder.pixels(TJPF_CMYK, channels: 4), width, height) }
        return try Picture(width: width, height: height, pixels: try decoder.pixels(TJPF_RGB, channels: 3))
    }

    /// The width and height in the header. Throws ``PictureError``.
    static func size(in data: Data) throws(PictureError) -> (width: Int, height: Int) {
        let decoder = try Decoder(data)
        return (decoder.width, decoder.height)
    }

    /// The orientation in the EXIF or, if absent, the XMP metadata.
    static func orientation(in data: Data) -> PictureOrientation {
        let notes = segments(of: data).filter { $0.marker == 0xe1 }.map(\.contents)
        if let exif = notes.first(where: { $0.starts(with: "Exif\0\0".utf8) }),
            let found = PictureOrientation(exif: Data(exif))
        {
            return found
        }
        let xmp = notes.first { $0.starts(with: "http://ns.adobe.com/xap/1.0/\0".utf8) }
        return xmp.flatMap { PictureOrientation(xmp: Data($0)) } ?? .upright
    }

    /// Whether the file uses arithmetic coding, whose output has no minimum size.
    private static func isArithmetic(_ data: Data) -> Bool {
        segments(of: data).contains { [0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf].contains($0.marker) }
    }

    /// The segments before the first scan.
    private static func segments(of data: Data) -> [(marker: UInt8, contents: Data.SubSequence)] {
        var segments: [(marker: UInt8, contents: Data.SubSequence)] = []
        var rest = data.dropFirst(2)
        while rest.count >= 4 {
            let start = [UInt8](rest.prefix(4))
            guard start[0] == 0xff, start[1] != 0xda else { break }
            // Fill bytes, and markers without a length.
            if start[1] == 0xff || start[1] == 0x01 || (0xd0...0xd8).contains(start[1]) {
                rest = rest.dropFirst(start[1] == 0xff ? 1 : 2)
                continue
            }
            let length = Int(start[2]) << 8 | Int(start[3])
            guard length >= 2, rest.count >= 2 + length else { break }
            segments.append((start[1], rest.dropFirst(4).prefix(length - 2)))
            rest = rest.dropFirst(2 + length)
        }
        return segments
    }

    /// Converts CMYK to RGB. Like Pillow, it assumes Adobe's inverted convention, 255 for no ink, whatever the file says.
    private static func fromCMYK(_ inks: [UInt8], _ width: Int, _ height: Int) throws(PictureError) -> Picture {
        var colours = [UInt8](repeating: 0, count: 3 * width * height)
        for pixel in 0..<width * height {
            let black = Int(inks[4 * pixel + 3])
            for colour in 0..<3 {
                let product = (255 - Int(inks[4 * pixel + colour])) * black + 128
                colours[3 * pixel + colour] = UInt8(max(black - ((product >> 8) + product) >> 8, 0))
            }
        }
        return try Picture(width: width, height: height, pixels: colours)
    }

    fileprivate static func unreadable(_ reason: String) -> PictureError {
        PictureError("not a readable JPEG file: \(reason)")
    }
}

/// A libjpeg-turbo decoder that has read a file's header.
private final class Decoder {
    private let handle: tjhandle
    private let data: Data
    let width: Int
    let height: Int
    let isCMYK: Bool

    init(_ data: Data) throws(PictureError) {
        guard let handle = tjInitDecompress() else { throw JPEG.unreadable("libjpeg-turbo cannot be started") }
        (self.handle, self.data) = (handle, data)
        var (width, height, sampling, space) = (Int32(0), Int32(0), Int32(0), Int32(0))
        let status = data.withUnsafeBytes { bytes in
            tjDecompressHeader3(
                handle, bytes.bindMemory(to: UInt8.self).baseAddress, UInt(bytes.count), &width, &height, &sampling,
                &space)
        }
        (self.width, self.height) = (Int(width), Int(height))
        isCMYK = space == Int32(TJCS_CMYK.rawValue) || space == Int32(TJCS_YCCK.rawValue)
        guard status == 0 || isHarmless, width > 0, height > 0 else { throw JPEG.unreadable(reason) }
    }

    deinit { tjDestroy(handle) }

    func pixels(_ format: TJPF, channels: Int) throws(PictureError) -> [UInt8] {
        var pixels = [UInt8](repeating: 0, count: channels * width * height)
        let status = data.withUnsafeBytes { bytes in
            tjDecompress2(
                handle, bytes.bindMemory(to: UInt8.self).baseAddress, UInt(bytes.count), &pixels, Int32(width), 0,
                Int32(height), Int32(format.rawValue), TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS)
        }
        guard status == 0 || isHarmless else { throw JPEG.unreadable(reason) }
        return pixels
    }

    /// Whether a warning can be ignored, which is true only of extraneous bytes. Others, such as truncation, count as errors, because
    /// half-grey images would distort metrics.
    private var isHarmless: Bool {
        tjGetErrorCode(handle) == Int32(TJERR_WARNING.rawValue) && reason.contains("extraneous bytes")
    }

    private var reason: String { tjGetErrorStr2(handle).map { String(cString: $0) } ?? "unknown" }
}
