import DiffusionModels
import DistillationTesting
import Foundation
import Tensor

extension WrongCall {
    static let pictures: [WrongCall] = pictureFiles + pictureValues

    private static func small(_ width: Int = 4, _ height: Int = 4) throws -> Picture {
        try Picture(width: width, height: height, pixels: Array(repeating: 7, count: 3 * width * height))
    }

    private static func png(_ width: Int = 4, _ height: Int = 4) throws -> Data { try PNG.encode(small(width, height)) }

    /// A PNG file of 60 bytes whose header claims this size.
    private static func tinyPNG(_ width: UInt32, _ height: UInt32) -> Data {
        var data = Data([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13])
        data += Data("IHDR".utf8)
        for number in [width, height] { data += withUnsafeBytes(of: number.bigEndian) { Data($0) } }
        data += Data([8, 2, 0, 0, 0, 0, 0, 0, 0])
        return data + Data(repeating: 0, count: 60 - data.count)
    }

    private static func picture(_ name: String, _ parts: String..., of data: @escaping @Sendable () throws -> Data)
        -> WrongCall
    {
        WrongCall("picture: \(name)", parts: parts) { bench in
            _ = try Picture(contentsOf: bench.file(data(), "picture.png"))
        }
    }

    private static let pictureFiles: [WrongCall] = [
        picture("a PNG of 60 bytes of 4 × 4", "picture.png", "not a readable PNG file") { tinyPNG(4, 4) },
        picture("a PNG of 60 bytes of 60000 × 60000", "picture.png", "at most", "60000 × 60000") {
            tinyPNG(60_000, 60_000)
        },
        picture("a PNG of 60 bytes of 0 × 4", "picture.png", "claims 0 × 4") { tinyPNG(0, 4) },
        picture("a PNG of 60 bytes of 1 × 80 million", "picture.png", "cannot hold", "1 × 80000000") {
            tinyPNG(1, 80_000_000)
        },
        picture("a PNG that is cut short", "picture.png", "not a readable PNG file") { try png(64, 64).prefix(120) },
        picture("a PNG with a flipped bit", "picture.png", "not a readable PNG file") {
            var data = try png(32, 32)
            data[data.count / 2] ^= 0xff
            return data
        },
        picture("the signature of a PNG alone", "picture.png", "ends early") { try png().prefix(8) },
        picture("an empty file", "picture.png", "expected a PNG or JPEG file") { Data() },
        picture("text", "picture.png", "expected a PNG or JPEG file", "found") { Data("a picture".utf8) },
        picture("a JPEG's first bytes", "picture.png", "not a readable JPEG file") {
            Data([0xff, 0xd8, 0xff, 0xe0, 0, 16])
        },
        picture("a JPEG that is noise", "picture.png", "not a readable JPEG file") {
            Data([0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 4, 0, 4, 3]) + Data((0..<200).map { UInt8($0 * 89 % 251) })
        },
        WrongCall("picture: a folder", "expected a file, found a folder") { bench in
            _ = try Picture(contentsOf: bench.emptyFolder())
        },
        WrongCall("picture: no file", "there is no such file") { bench in _ = try Picture(contentsOf: bench.path()) },
        WrongCall("PNG: an empty key", "PNG.encode", "1 to 79", "\"\"") { _ in
            _ = try PNG.encode(small(), text: ["": "text"])
        },
        WrongCall("PNG: a compression level of 10", "PNG.encode", "0 to 9", "10") { _ in
            _ = try PNG.encode(small(), compressionLevel: 10)
        },
        WrongCall("PNG: a key that is not ASCII", "PNG.encode", "ASCII", "é") { _ in
            _ = try PNG.encode(small(), text: ["é": "text"])
        },
        WrongCall("PNG: into a folder that does not exist", "cannot be written", "there is no folder") { bench in
            try PNG.write(small(), to: bench.path().appending(path: "a.png"))
        },
    ]

    private static let pictureValues: [WrongCall] = [
        WrongCall("picture: too few bytes", "3 bytes per pixel", "11 bytes for 2 × 2") { _ in
            _ = try Picture(width: 2, height: 2, pixels: Array(repeating: 0, count: 11))
        },
        WrongCall("picture: no pixels", "at least one pixel", "0 × 0") { _ in
            _ = try Picture(width: 0, height: 0, pixels: [])
        },
        WrongCall("picture: a size that overflows", "Picture", "\(Int.max) × \(Int.max)") { _ in
            _ = try Picture(width: .max, height: .max, pixels: [0, 0, 0])
        },
        WrongCall("picture: a tensor of another rank", "[height, width, 3]", "[4, 4]") { _ in
            _ = try Picture(Tensor.zeros([4, 4]))
        },
        WrongCall("picture: a tensor of 4 channels", "[height, width, 3]", "[4, 4, 4]") { _ in
            _ = try Picture(Tensor.zeros([4, 4, 4]))
        },
        WrongCall("picture: a tensor with NaN", "non-finite", "1 of its 12") { _ in
            var tensor = Tensor.zeros([2, 2, 3])
            tensor[0, 0, 0] = .nan
            _ = try Picture(tensor)
        },
        WrongCall("grid: no pictures", "Picture.grid", "at least one picture", "none") { _ in _ = try Picture.grid([])
        },
        WrongCall("grid: no pictures in columns", "Picture.grid", "at least one picture", "none") { _ in
            _ = try Picture.grid([], columns: 4)
        },
        WrongCall("grid: pictures of different sizes", "Picture.grid", "4 × 4", "2 × 2") { _ in
            _ = try Picture.grid([small(), small(2, 2)])
        },
        WrongCall("grid: no columns", "Picture.grid", "columns", "0 and 2") { _ in
            _ = try Picture.grid([small()], columns: 0)
        },
        WrongCall("grid: spacing negative", "Picture.grid", "spacing", "-1") { _ in
            _ = try Picture.grid([small()], columns: 1, spacing: -1)
        },
        WrongCall("grid: larger than memory", "Picture.grid", "memory", "× ") { _ in
            _ = try Picture.grid([small()], columns: 65_536, spacing: 65_536)
        },
        WrongCall("enlarged by 0", "enlarged", "1 to 65536", "0") { _ in _ = try small().enlarged(by: 0) },
        WrongCall("enlarged by the largest integer", "enlarged", "1 to 65536", "\(Int.max)") { _ in
            _ = try small().enlarged(by: .max)
        },
        WrongCall("resized to 0 × 4", "resized", "positive", "0 × 4") { _ in
            _ = try small().resized(width: 0, height: 4)
        },
        WrongCall("resized to more than memory", "resized", "memory", "1000000 × 1000000") { _ in
            _ = try small().resized(width: 1_000_000, height: 1_000_000)
        },
        WrongCall("centre square of -1", "resized", "positive", "-1 × -1") { _ in
            _ = try small().centreSquare(resizedTo: -1)
        },
        WrongCall("scatter plot of 0 pixels", "ScatterPlot", "1 to 16384", "0") { _ in
            var plot = ScatterPlot()
            plot.size = 0
            _ = try plot.picture(of: .zeros([3, 2]), over: .zeros([3, 2]))
        },
        WrongCall("scatter plot of points in space", "ScatterPlot", "two coordinates", "[3, 3]") { _ in
            _ = try ScatterPlot().picture(of: .zeros([3, 3]), over: .zeros([3, 2]))
        },
    ]
}
