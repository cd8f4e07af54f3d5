import CSwiftBrushPNG
import Foundation
import Tensor

/// PNG files, through libpng.
public enum PNG {
    /// Encodes a picture as a PNG file.
    ///
    /// - Parameters:
    ///   - picture: the picture.
    ///   - text: keys of 1 to 79 ASCII characters and UTF-8 values, stored as international text chunks in the order of
    ///     the keys.
    ///   - compressionLevel: zlib's, from 0 (none) to 9 (smallest file); 1 takes about a third of the time of 6.
    ///
    /// Throws ``PictureError`` for another key or level.
    public static func encode(
        _ picture: Picture, text: [String: String] = [:], compressionLevel: Int = 6
    ) throws(PictureError) -> Data {
        func isValid(_ key: String) -> Bool {
            (1...79).contains(key.utf8.count) && key.utf8.allSatisfy { (0x20...0x7e).contains($0) }
        }
        if let key = text.keys.sorted().first(where: { !isValid($0) }) {
            throw PictureError("PNG.encode: expected keys of 1 to 79 ASCII characters, found \"\(key)\"")
        }
        guard (0...9).contains(compressionLevel) else {
            throw PictureError("PNG.encode: expected a compression level from 0 to 9, found \(compressionLevel)")
        }
        let output = Output()
        // libpng's error function must not return. With a valid picture and valid keys it is called only if memory runs out.
        var writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, nil, { _, _ in abort() }, nil)
        var info = png_create_info_struct(writer)
        defer { png_destroy_write_struct(&writer, &info) }
        png_set_user_limits(writer, 0x7fff_ffff, 0x7fff_ffff)
        png_set_write_fn(
            writer, Unmanaged.passUnretained(output).toOpaque(),
            { writer, bytes, count in
                guard let target = png_get_io_ptr(writer), let bytes else { return }
                Unmanaged<Output>.fromOpaque(target).takeUnretainedValue().data.append(bytes, count: count)
            }, nil)
        png_set_compression_level(writer, Int32(compressionLevel))
        png_set_IHDR(
            writer, info, UInt32(picture.width), UInt32(picture.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
            PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT)
        for (key, value) in text.sorted(by: { $0.key < $1.key }) { add(key, value, to: writer, info) }
        png_write_info(writer, info)
        picture.pixels.withUnsafeBufferPointer { pixels in
            for y in 0..<picture.height { png_write_row(writer, pixels.baseAddress.map { $0 + 3 * y * picture.width }) }
        }
        png_write_end(writer, info)
        return output.data
    }

    /// The encoded bytes so far.
    private final class Output {
        var data = Data()
    }

    /// Writes a PNG file atomically. See ``encode(_:text:compressionLevel:)``. Throws
    /// ``PictureError`` with the path.
    public static func write(_ picture: Picture, text: [String: String] = [:], to url: URL) throws {
        do {
            try DurableFile.write(encode(picture, text: text), to: url)
        } catch let error as FileError {
            throw PictureError("cannot be written: \(error.reason)", path: url.path)
        }
    }

    private static func add(_ key: String, _ value: String, to writer: png_structp?, _ info: png_infop?) {
        key.withCString { key in
            value.withCString { value in
                "".withCString { empty in
                    var chunk = png_text()
                    chunk.compression = PNG_ITXT_COMPRESSION_NONE
                    chunk.key = UnsafeMutablePointer(mutating: key)
                    chunk.text = UnsafeMutablePointer(mutating: value)
                    chunk.lang = UnsafeMutablePointer(mutating: empty)
                    chunk.lang_key = UnsafeMutablePointer(mutating: empty)
                    png_set_text(writer, info, &chunk, 1)
                }
            }
        }
    }
}
