import CSwiftBrushPNG
import Foundation

extension PNG {
    /// Decodes a PNG file as Pillow does: 16-bit samples are reduced to their high bytes; gamma and colour profiles are ignored.
    ///
    /// Unlike Pillow's `convert("RGB")`, which turns 16-bit grey above 255 into white, it also uses the high bytes there.
    /// Throws ``PictureError`` for a damaged file, and for one whose header claims more pixels than `limits` allows or its bytes can hold.
    package static func decode(
        _ data: Data, transparency: Transparency = .dropped, limits: PictureLimits = .standard
    ) throws(PictureError) -> Picture {
        let (width, height) = try size(in: data)
        try limits.check(width: width, height: height)
        // Deflate compresses at most 1,032 : 1.
        let depth = Int(byte(24, of: data)) * (samples[byte(25, of: data)] ?? 1)
        guard Double(width) * Double(height) * Double(depth) / 8 <= 1032 * Double(data.count) else {
            throw unreadable("\(data.count) bytes cannot hold the \(width) × \(height) pixels that it claims")
        }
        let channels = transparency == .dropped ? 3 : 4
        var memory = png_memory()
        memory.count = data.count
        var isRead: Int32 = 0
        var pixels = [UInt8](unsafeUninitializedCapacity: channels * width * height) { pixels, count in
            // The memory must be initialised, although pixels missing from a truncated file are not used.
            pixels.initialize(repeating: 0)
            count = channels * width * height
            data.withUnsafeBytes { bytes in
                memory.bytes = bytes.bindMemory(to: UInt8.self).baseAddress
                isRead = png_memory_decode(
                    &memory, UInt32(width), UInt32(height), Int32(channels), pixels.baseAddress)
            }
        }
        guard isRead != 0 else {
            throw unreadable(
                withUnsafeBytes(of: memory.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        if transparency == .onWhite { pixels = onWhite(pixels) }
        return try Picture(width: width, height: height, pixels: pixels)
    }

    /// The width and height in the header. Throws ``PictureError``.
    static func size(in data: Data) throws(PictureError) -> (width: Int, height: Int) {
        guard data.count >= 33, data.dropFirst(12).prefix(4).elementsEqual("IHDR".utf8) else {
            throw unreadable("the file ends early")
        }
        func number(at offset: Int) -> Int { (0..<4).reduce(0) { $0 << 8 | Int(byte(offset + $1, of: data)) } }
        let (width, height) = (number(at: 16), number(at: 20))
        guard (1...0x7fff_ffff).contains(width), (1...0x7fff_ffff).contains(height) else {
            throw unreadable("its header claims \(width) × \(height) pixels")
        }
        return (width, height)
    }

    /// The orientation in the eXIf chunk or, if absent, in the XMP metadata.
    static func orientation(in data: Data) -> PictureOrientation {
        var noted: PictureOrientation?
        var rest = data.dropFirst(8)
        while rest.count >= 12 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard length <= rest.count - 12 else { break }
            let (name, contents) = (rest.dropFirst(4).prefix(4), rest.dropFirst(8).prefix(length))
            if name.elementsEqual("eXIf".utf8), let found = PictureOrientation(exif: Data(contents)) { return found }
            if name.elementsEqual("iTXt".utf8), contents.starts(with: "XML:com.adobe.xmp\0".utf8) {
                noted = noted ?? PictureOrientation(xmp: Data(contents))
            }
            rest = rest.dropFirst(12 + length)
        }
        return noted ?? .upright
    }

    /// Samples per pixel, by colour type.
    private static let samples: [UInt8: Int] = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4]

    private static func byte(_ offset: Int, of data: Data) -> UInt8 { data[data.startIndex + offset] }

    private static func unreadable(_ reason: String) -> PictureError {
        PictureError("not a readable PNG file: \(reason)")
    }

    /// Composites RGBA pixels on white, with Pillow's rounding.
    private static func onWhite(_ pixels: [UInt8]) -> [UInt8] {
        var colours = [UInt8](repeating: 255, count: pixels.count / 4 * 3)
        for pixel in 0..<pixels.count / 4 {
            let alpha = Int(pixels[4 * pixel + 3])
            for colour in 0..<3 {
                let sum = Int(pixels[4 * pixel + colour]) * alpha + 255 * (255 - alpha)
                let scaled = (sum + 128) << 7
                colours[3 * pixel + colour] = UInt8(((scaled >> 8) + scaled) >> 15)
            }
        }
        return colours
    }
}
