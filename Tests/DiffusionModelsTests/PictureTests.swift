import Foundation
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Pictures")
struct PictureTests {
    private let picture: Picture

    init() throws {
        picture = try Picture(
            width: 3, height: 2, pixels: [255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3, 127, 128, 129, 254, 253, 252])
    }

    @Test("Colours are clamped and rounded half to even")
    func rounding() throws {
        let colours = Tensor([-2, -1, 1, 2, 0, -1e30, 1 / 255, 3 / 255, 0.2], shape: [1, 3, 3])
        #expect(try Picture(colours).pixels == [0, 0, 255, 255, 128, 0, 128, 129, 153])
        #expect(try Picture(picture.tensor) == picture)
    }

    @Test("Values that are not finite are an error", arguments: [Float.nan, .infinity, -.infinity])
    func nonFinite(number: Float) {
        let colours = Tensor([0, number, 0, number, 1, 1], shape: [1, 2, 3])
        let error = #expect(throws: ModelError.self) { try Picture(colours) }
        #expect(error?.description.contains("2 of its 6 numbers") == true)
    }

    @Test("A PNG file keeps every pixel and the text chunks")
    func png() throws {
        let data = try PNG.encode(picture, text: ["prompt": "ein rotes Herz ♥", "seed": "7"])
        #expect(try PNG.decode(data) == picture)
        let bytes = String(decoding: data, as: UTF8.self)
        #expect(bytes.contains("iTXtprompt\0\0\0\0\0ein rotes Herz ♥"))
        #expect(bytes.contains("iTXtseed\0\0\0\0\u{0}7"))
    }

    @Test("Every compression level keeps every pixel, and a higher one makes a smaller file")
    func compression() throws {
        let large = try picture.enlarged(by: 50)
        let files = try [0, 1, 6, 9].map { try PNG.encode(large, compressionLevel: $0) }
        for file in files { #expect(try PNG.decode(file) == large) }
        #expect(files[0].count > files[1].count && files[1].count > files[3].count)
        #expect(try files[2] == PNG.encode(large))
    }

    @Test("Truncated PNG data is an error", arguments: [0, 10, 60])
    func damaged(count: Int) throws {
        let data = try PNG.encode(picture).prefix(count)
        #expect(throws: PictureError.self) { try PNG.decode(data) }
    }

    @Test("A grid arranges images in rows on white")
    func grid() throws {
        let dark = try Picture(width: 1, height: 1, pixels: [1, 2, 3])
        let grid = try Picture.grid([dark, dark, dark], columns: 2, spacing: 1)
        #expect((grid.width, grid.height) == (5, 5))
        let isDark = (0..<25).map { grid.pixels[3 * $0..<3 * $0 + 3].elementsEqual([1, 2, 3]) }
        #expect(isDark.indices.filter { isDark[$0] } == [6, 8, 16])
        #expect(grid.pixels.filter { $0 == 255 }.count == 3 * 22)
    }

    @Test("Enlarging repeats pixels")
    func enlarging() throws {
        let large = try picture.enlarged(by: 2)
        #expect((large.width, large.height) == (6, 4))
        #expect(Array(large.pixels.prefix(9)) == [255, 0, 0, 255, 0, 0, 0, 255, 0])
        #expect(Array(large.pixels[18..<24]) == [255, 0, 0, 255, 0, 0])
    }
}
