import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Picture files")
final class PictureFilesTests {
    private static let files = Result { try Fixtures.tensors("pictures/files.safetensors") }
    private let golden: [String: Tensor]
    private let folder = FileManager.default.temporaryDirectory.appending(path: "files-\(UUID().uuidString)")

    init() throws {
        golden = try Self.files.get()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private func bytes(_ name: String) throws -> Data {
        Data(try #require(golden["\(name).file"]).scalars.map { UInt8($0) })
    }

    private func picture(_ name: String) throws -> Picture {
        let tensor = try #require(golden[name])
        return try Picture(width: tensor.shape[1], height: tensor.shape[0], pixels: tensor.scalars.map { UInt8($0) })
    }

    private func names(with ending: String) -> [String] {
        golden.keys.filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) }.sorted()
    }

    private func error(_ data: Data, limits: PictureLimits = PictureLimits()) -> String {
        do throws(PictureError) {
            let picture = try Picture(data, limits: limits)
            return "\(picture.width) × \(picture.height)"
        } catch {
            return error.description
        }
    }

    @Test("PNG and JPEG files of every kind decode to Pillow's RGB values bit for bit")
    func colours() throws {
        let names = names(with: ".rgb")
        #expect(names.count == 81)
        for name in names { #expect(try Picture(bytes(name)) == picture("\(name).rgb"), "\(name)") }
    }

    @Test("Transparent images on white match Pillow's alpha_composite bit for bit")
    func onWhite() throws {
        let names = names(with: ".white")
        #expect(names.count == 36)
        for name in names {
            #expect(try Picture(bytes(name), transparency: .onWhite) == picture("\(name).white"), "\(name)")
        }
    }

    @Test("isUpright applies the orientation in EXIF or XMP as Pillow's exif_transpose does")
    func orientation() throws {
        let names = names(with: ".upright")
        #expect(names.count == 18)
        for name in names {
            #expect(try Picture(bytes(name), isUpright: true) == picture("\(name).upright"), "\(name)")
        }
    }

    @Test("Damaged EXIF gives no orientation", arguments: [0, 4, 8, 9, 10, 14, 21])
    func damagedOrientation(count: Int) {
        let exif = Data(Array("II".utf8) + [42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0])
        #expect(PictureOrientation(exif: exif) == .turnedLeft)
        #expect(PictureOrientation(exif: exif.prefix(min(count, 17))) == nil)
        var other = exif
        other[18] = 9
        #expect(PictureOrientation(exif: other) == nil)
        other = exif
        for place in 4..<8 { other[place] = 0xff }
        #expect(PictureOrientation(exif: other) == nil)
    }

    @Test("Sizes in a header are checked against the limit and the file's size before allocation")
    func claims() throws {
        func png(_ width: [UInt8], _ height: [UInt8]) throws -> Data {
            var data = try bytes("png-2-8")
            data.replaceSubrange(16..<24, with: width + height)
            return data
        }
        #expect(
            error(try png([0, 15, 66, 64], [0, 15, 66, 64])).contains(
                "at most 89478485 pixels, found 1000000 × 1000000"))
        #expect(error(try png([127, 255, 255, 255], [127, 255, 255, 255])).contains("at most 89478485 pixels"))
        #expect(error(try png([255, 255, 255, 255], [0, 0, 0, 1])).contains("its header claims 4294967295 × 1"))
        #expect(error(try png([0, 0, 0, 0], [0, 0, 0, 1])).contains("its header claims 0 × 1"))
        #expect(error(try png([0, 0, 0x23, 0x28], [0, 0, 0x23, 0x28])).contains("cannot hold the 9000 × 9000 pixels"))
        var jpeg = try bytes("jpeg-444")
        let frame = try #require(jpeg.range(of: Data([0xff, 0xc0, 0, 17, 8]))).upperBound
        jpeg.replaceSubrange(frame..<frame + 4, with: [0xff, 0xdc, 0xff, 0xdc])
        #expect(error(jpeg).contains("at most 89478485 pixels, found 65500 × 65500"))
        jpeg.replaceSubrange(frame..<frame + 4, with: [0x20, 0, 0x20, 0])
        #expect(error(jpeg).contains("cannot hold the 8192 × 8192 pixels"))
        var limits = PictureLimits()
        limits.pixels = 21 * 17
        #expect(error(try bytes("jpeg-444"), limits: limits) == "21 × 17")
        limits.pixels -= 1
        #expect(error(try bytes("jpeg-444"), limits: limits) == "expected at most 356 pixels, found 21 × 17")
        #expect(error(try bytes("png-turned-1"), limits: limits) == "expected at most 356 pixels, found 21 × 17")
    }

    @Test(
        "The error for another format names it, as detected from the contents",
        arguments: [
            (Data(), "an empty file"), (Data("RIFF\u{1}\u{2}\u{3}\u{4}WEBPVP8 ".utf8), "WebP"),
            (Data("GIF89a".utf8), "GIF"), (Data("BM".utf8), "BMP"), (Data([0x49, 0x49, 0x2a, 0]), "TIFF"),
            (Data("\0\0\0\u{20}ftypavif".utf8), "AVIF"), (Data("\0\0\0\u{20}ftypheic".utf8), "HEIC"),
            (Data("version https://git-lfs.github.com/spec/v1".utf8), "Git LFS"), (Data("P6 1 1 255 ".utf8), "PNM"),
            (Data("<!DOCTYPE html>".utf8), "HTML"), (Data([1, 2, 3]), "another format"),
        ])
    func otherFormats(data: Data, name: String) throws {
        let file = folder.appending(path: "a.png")
        try data.write(to: file)
        let error = #expect(throws: PictureError.self) { try Picture(contentsOf: file) }
        #expect(error?.path == file.path && error?.reason.contains("expected a PNG or JPEG file, found") == true)
        #expect(error?.reason.contains(name) == true)
        let header = #expect(throws: PictureError.self) { try PictureHeader(contentsOf: file) }
        #expect(header == error)
    }

    @Test("A folder, a missing file and a file above the limit are errors with the path")
    func files() throws {
        let error = #expect(throws: PictureError.self) { try Picture(contentsOf: self.folder) }
        #expect(error?.description == "\(folder.path): expected a file, found a folder or device")
        let missing = #expect(throws: PictureError.self) {
            try Picture(contentsOf: self.folder.appending(path: "a.png"))
        }
        #expect(missing?.reason == "there is no such file")
        let device = #expect(throws: PictureError.self) { try Picture(contentsOf: URL(filePath: "/dev/zero")) }
        #expect(device?.reason == "expected a file, found a folder or device")
        let file = folder.appending(path: "named.txt")
        try bytes("jpeg-420").write(to: file)
        #expect(try Picture(contentsOf: file) == picture("jpeg-420.rgb"))
        #expect(try PictureHeader(contentsOf: file) == PictureHeader(bytes("jpeg-420")))
        var limits = PictureLimits()
        limits.fileBytes = 100
        let large = #expect(throws: PictureError.self) { try Picture(contentsOf: file, limits: limits) }
        #expect(large?.reason.hasPrefix("expected at most 100 bytes") == true)
    }

    @Test("Files truncated at any length are errors; bytes after the end and between segments are ignored")
    func cutOff() throws {
        for name in ["png-6-8-interlaced", "png-3-4-transparent", "jpeg-420", "jpeg-progressive", "jpeg-cmyk"] {
            let data = try bytes(name)
            let last = name.hasPrefix("png") ? data.count - 24 : data.count - 3
            for count in stride(from: 0, to: last, by: 7) {
                #expect(throws: PictureError.self, "\(name), \(count) bytes") { try Picture(data.prefix(count)) }
            }
            #expect(try Picture(data + Data([1, 2, 3])) == picture("\(name).rgb"))
        }
        var data = try bytes("jpeg-420")
        let frame = try #require(data.range(of: Data([0xff, 0xc0, 0, 17, 8]))).lowerBound
        data.insert(contentsOf: [1, 2, 3], at: frame)
        #expect(try Picture(data) == picture("jpeg-420.rgb"))
    }

    @Test("Damaged files give an image or an error and never crash", arguments: 0..<8)
    func damaged(part: Int) throws {
        var stream = RandomStream(seed: UInt64(part))
        let names = names(with: ".file").enumerated().filter { $0.offset % 8 == part }.map(\.element)
        for name in names {
            let data = try bytes(name)
            for _ in 0..<12 {
                var damaged = data
                for _ in 0..<stream.integer(in: 1..<6) {
                    let place = stream.integer(in: 0..<damaged.count)
                    switch stream.integer(in: 0..<4) {
                    case 0: damaged.remove(at: place)
                    case 1: damaged.insert(UInt8(stream.integer(in: 0..<256)), at: place)
                    case 2: damaged[place] = [0, 1, 0x7f, 0x80, 0xff][stream.integer(in: 0..<5)]
                    default: damaged[place] ^= 1 << UInt8(stream.integer(in: 0..<8))
                    }
                }
                _ = try? Picture(repaired(damaged), transparency: .onWhite, isUpright: true)
            }
        }
    }

    /// A PNG file with corrected checksums, so that damage reaches the decoder.
    private func repaired(_ data: Data) -> Data {
        guard PictureFormat(of: data) == .png else { return data }
        var (result, rest) = (data.prefix(8), data.dropFirst(8))
        while rest.count >= 12 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard length <= rest.count - 12 else { break }
            let chunk = rest.dropFirst(4).prefix(length + 4)
            var sum: UInt32 = 0xffff_ffff
            for byte in chunk {
                sum ^= UInt32(byte)
                for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0xedb8_8320 : 0) }
            }
            result += rest.prefix(length + 8) + withUnsafeBytes(of: (~sum).bigEndian) { Data($0) }
            rest = rest.dropFirst(length + 12)
        }
        return result + rest
    }

    @Test(
        "Resizing in 8 bits matches Pillow bit for bit, including the order of its passes",
        arguments: [(32, 40), (48, 16), (64, 32), (64, 80), (52, 32), (40, 64)])
    func resizing(width: Int, height: Int) throws {
        let photo = try picture("photo")
        for filter in [Resampling.Filter.bilinear, .bicubic, .lanczos] {
            let found = try photo.resized(width: width, height: height, by: Resampling(filter, isRounded: true))
            #expect(try found == picture("photo.\(width).\(height).\(filter.rawValue)"), "\(filter)")
        }
        #expect(try photo.resized(width: photo.width, height: photo.height) == photo)
    }
}
