import CPNG
import Foundation
import Tensor

/// PNG files, through libpng.
public enum PNG {
    /// A picture that cannot be read or written, and why.
    public struct Error: Swift.Error, CustomStringConvertible {
        /// What libpng or the file system says.
        public let description: String
    }

    /// The bytes of a PNG file.
    ///
    /// - Parameters:
    ///   - picture: what is shown.
    ///   - text: keys of 1 to 79 ASCII characters and UTF-8 values, stored as international text chunks in the order of
    ///     the keys.
    public static func encode(_ picture: Picture, text: [String: String] = [:]) -> Data {
        precondition(
            text.keys.allSatisfy {
                (1...79).contains($0.utf8.count) && $0.utf8.allSatisfy { (0x20...0x7e).contains($0) }
            },
            "PNG.encode: expected keys of 1 to 79 ASCII characters, found \(text.keys.sorted())")
        let output = NSMutableData()
        // libpng's error function must not return. With a valid picture and valid keys only lack of memory calls it.
        var writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, nil, { _, _ in abort() }, nil)
        var info = png_create_info_struct(writer)
        defer { png_destroy_write_struct(&writer, &info) }
        png_set_write_fn(
            writer, Unmanaged.passUnretained(output).toOpaque(),
            { writer, bytes, count in
                guard let target = png_get_io_ptr(writer), let bytes else { return }
                Unmanaged<NSMutableData>.fromOpaque(target).takeUnretainedValue().append(bytes, length: count)
            }, nil)
        png_set_IHDR(
            writer, info, UInt32(picture.width), UInt32(picture.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
            PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT)
        for (key, value) in text.sorted(by: { $0.key < $1.key }) { add(key, value, to: writer, info) }
        png_write_info(writer, info)
        picture.pixels.withUnsafeBufferPointer { pixels in
            for y in 0..<picture.height { png_write_row(writer, pixels.baseAddress.map { $0 + 3 * y * picture.width }) }
        }
        png_write_end(writer, info)
        return output as Data
    }

    /// Writes a PNG file; it appears whole or not at all. See ``encode(_:text:)``. Throws ``Error`` with the path.
    public static func write(_ picture: Picture, text: [String: String] = [:], to url: URL) throws {
        do {
            try encode(picture, text: text).write(to: url, options: .atomic)
        } catch {
            throw Error(description: "\(url.path): cannot be written: \(error.localizedDescription)")
        }
    }

    /// The picture in a PNG file's bytes, as 8-bit RGB on white where it is transparent. Throws ``Error``.
    public static func decode(_ data: Data) throws -> Picture {
        var image = png_image()
        image.version = UInt32(PNG_IMAGE_VERSION)
        defer { png_image_free(&image) }
        // libpng goes on reading the bytes after the first call.
        return try data.withUnsafeBytes { bytes in
            guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else {
                throw Error(description: message(image))
            }
            image.format = UInt32(PNG_FORMAT_RGB)
            var white = png_color(red: 255, green: 255, blue: 255)
            var pixels = [UInt8](repeating: 0, count: 3 * Int(image.width) * Int(image.height))
            guard png_image_finish_read(&image, &white, &pixels, 0, nil) != 0 else {
                throw Error(description: message(image))
            }
            return Picture(width: Int(image.width), height: Int(image.height), pixels: pixels)
        }
    }

    /// Reads a PNG file. See ``decode(_:)``. Throws ``Error`` with the path.
    public static func read(_ url: URL) throws -> Picture {
        do {
            return try decode(Data(contentsOf: url))
        } catch let error as Error {
            throw Error(description: "\(url.path): \(error)")
        } catch {
            throw Error(description: "\(url.path): cannot be read: \(error.localizedDescription)")
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

    private static func message(_ image: png_image) -> String {
        withUnsafeBytes(of: image.message) { bytes in
            "not a readable PNG file: " + String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
