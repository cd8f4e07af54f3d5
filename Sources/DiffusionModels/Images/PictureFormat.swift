import Foundation

/// A supported image format, detected from a file's first bytes and not from its name.
package enum PictureFormat: String, Sendable, CaseIterable {
    /// Portable Network Graphics.
    case png = "PNG"
    /// Baseline and progressive JPEG.
    case jpeg = "JPEG"

    /// The format of a file that begins with these bytes; nil for other formats.
    package init?(of data: Data) {
        if data.starts(with: [0x89] + Array("PNG".utf8)) {
            self = .png
        } else if data.starts(with: [0xff, 0xd8]) {
            self = .jpeg
        } else {
            return nil
        }
    }

    /// The name of an unsupported file's format, for error messages.
    static func name(of data: Data) -> String {
        if data.isEmpty { return "an empty file" }
        let bytes = [UInt8](data.prefix(64))
        let text = String(decoding: bytes, as: Unicode.ASCII.self)
        func begins(_ start: [UInt8], at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: start) }
        if text.hasPrefix("RIFF"), text.dropFirst(8).hasPrefix("WEBP") { return "WebP" }
        if text.dropFirst(4).hasPrefix("ftyp") {
            let brand = String(text.dropFirst(8).prefix(4))
            if ["avif", "avis"].contains(brand) { return "AVIF" }
            return ["heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"].contains(brand) ? "HEIC" : "a video"
        }
        if begins([0xff, 0x0a]) || begins(Array("JXL ".utf8), at: 4) { return "JPEG XL" }
        if begins([0xff, 0x4f, 0xff, 0x51]) || begins(Array("jP  ".utf8), at: 4) { return "JPEG 2000" }
        if begins([0x49, 0x49, 0x2a, 0]) || begins([0x4d, 0x4d, 0, 0x2a]) { return "TIFF" }
        if begins([0, 5, 0x16, 7]) { return "macOS file metadata (AppleDouble)" }
        if begins([0, 0, 1, 0]) { return "an icon (ICO)" }
        if text.hasPrefix("P"), text.dropFirst().first.map({ "1234567".contains($0) }) == true { return "PNM" }
        let starts = [
            ("GIF8", "GIF"), ("BM", "BMP"), ("8BPS", "PSD"), ("%PDF", "PDF"), ("<svg", "SVG"), ("<?xml", "XML"),
            ("<!DOCTYPE", "HTML"), ("<!doctype", "HTML"), ("<html", "HTML"),
            ("version https://git-lfs", "a Git LFS pointer, whose contents were not downloaded"),
        ]
        return starts.first { text.hasPrefix($0.0) }?.1 ?? "another format"
    }
}
