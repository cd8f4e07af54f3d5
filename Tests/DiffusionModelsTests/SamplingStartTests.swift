import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Starting latents and images")
final class SamplingStartTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "start-\(UUID().uuidString)")
    private let student: TextToImageModel
    private let teacher: TextToImageModel

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let models = Fixtures.package.appending(path: "Examples/Models")
        student = try TextToImageModel(contentsOf: models.appending(path: "emoji-student"))
        teacher = try TextToImageModel(contentsOf: models.appending(path: "emoji-teacher"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Batches are summed in another order than single images, and one step multiplies the difference in ε, about 1e-6, by
    /// σ/α = 14.6.
    private let batchTolerance = 5e-5

    @Test("Image i of a batch equals the single image of its seed, and all seeds, 0 included, differ")
    func seeds() throws {
        let batch = try student.latents(for: Array(repeating: "a blue circle", count: 4), seed: 0)
        let noise = try student.startingLatents(count: 4, seed: 0).latents
        var pictures: [Picture] = []
        for index in 0..<4 {
            let seed = UInt64(index)
            let start = try student.startingLatents(count: 1, seed: seed).latents
            #expect(noise.sliced(axis: 0, index..<index + 1).scalars == start.scalars)
            var stream = RandomStream(seed: seed)
            #expect(start.channelsFirst().scalars == stream.normal([1, 4, 16, 16]).scalars)
            let single = try student.latents(for: ["a blue circle"], seed: seed)
            #expect(relativeError(batch.sliced(axis: 0, index..<index + 1), single) <= batchTolerance)
            pictures += try student.pictures(from: single)
            #expect(try student.picture(for: "a blue circle", seed: seed) == pictures[index])
        }
        for index in 1..<4 { #expect(pictures[index] != pictures[0] && pictures[index] != pictures[index % 3 + 1]) }
        // In the conversion to 8 bits, a value next to a half may round either way.
        for (found, expected) in try zip(student.pictures(from: batch), pictures) {
            #expect(zip(found.pixels, expected.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
        }
    }

    @Test("With every sampler, image i of a batch is the single image of its seed", arguments: ShippedSamplers.names)
    func samplers(name: String) throws {
        var teacher = teacher
        if name == FlowMatchEulerSampler.name { teacher.schedule = .flowMatching() }
        let sampler = try teacher.sampler(named: name)
        #expect(sampler.name == name)
        func last(_ count: Int, seed: UInt64) throws -> Tensor {
            let prompts = Array(repeating: "a red heart", count: count)
            let settings = SamplingSettings(steps: 4, guidanceScale: 2, sampler: sampler)
            var steps = try teacher.samples(for: prompts, settings, seed: seed)
            return try #require(try steps.last()).latents
        }
        let batch = try last(2, seed: 8)
        #expect(relativeError(batch.sliced(axis: 0, 1..<2), try last(1, seed: 9)) <= batchTolerance)
    }

    @Test("Latents files have PyTorch's layout and give the same result as their seed")
    func files() throws {
        let file = folder.appending(path: "latents.safetensors")
        var stream = RandomStream(seed: 7)
        try Safetensors.write([(name: "latents", tensor: stream.normal([1, 4, 16, 16]))], to: file)
        let latents = try LatentsFile.read(file)
        let expected = try student.latents(for: ["a red heart"], seed: 7)
        let found = try student.latents(for: ["a red heart"], seed: 1, start: .latents(latents))
        #expect(found.scalars == expected.scalars)
        try LatentsFile.write(found, to: file)
        #expect(try SafetensorsFile(contentsOf: file).info("latents")?.shape == [1, 4, 16, 16])
        #expect(try LatentsFile.read(file).scalars == expected.scalars)
    }

    @Test("Latents and images that do not fit are refused with the expected size")
    func errors() throws {
        func expectError(_ words: String, _ body: () throws -> Void) {
            do {
                try body()
                Issue.record("no error for \(words)")
            } catch {
                #expect("\(error)".contains(words), "\(error)")
            }
        }
        let file = folder.appending(path: "latents.safetensors")
        try Safetensors.write([(name: "latents", tensor: .zeros([4, 16, 16]))], to: file)
        expectError("[pictures, channels, height, width], found [4, 16, 16]") { _ = try LatentsFile.read(file) }
        try Safetensors.write([(name: "x", tensor: .zeros([1, 4, 16, 16]))], to: file)
        expectError("there is no tensor \"latents\"") { _ = try LatentsFile.read(file) }
        let wrong = Tensor.zeros([1, 16, 16, 3])
        expectError("latents: expected [1 pictures, height, width, 4], found [1, 16, 16, 3]") {
            _ = try student.latents(for: [""], seed: 0, start: .latents(wrong))
        }
        let odd = try Picture(width: 66, height: 64, pixels: Array(repeating: 0, count: 3 * 66 * 64))
        expectError("width: expected a multiple of 4 pixels, found 66") {
            _ = try teacher.samples(
                for: [""], SamplingSettings(steps: 2, guidanceScale: 1), seed: 0, start: .picture(odd, strength: 0.5))
        }
        for strength in [0, 1.1, Double.nan] {
            expectError("strength: expected above 0 and at most 1") {
                _ = try teacher.samples(
                    for: [""], SamplingSettings(steps: 2, guidanceScale: 1), seed: 0,
                    start: .picture(odd, strength: strength))
            }
        }
        expectError("width: expected a multiple of 4 pixels, found 47") {
            _ = try teacher.fitted(odd, height: 32, width: 47)
        }
        let small = try Picture(width: 3, height: 9, pixels: Array(repeating: 0, count: 81))
        expectError("picture: expected at least 4 pixels per side, found 3 × 9") { _ = try teacher.fitted(small) }
        expectError("a picture") { _ = try student.latents(for: [""], seed: 0, start: .picture(odd, strength: 1)) }
        expectError("height: expected a multiple of 4 pixels, found 0") {
            _ = try student.latentSize(height: 0, width: 64)
        }
    }

    @Test("Images are resized as in diffusers' image processor: to their own size rounded down, or to another")
    func fitting() throws {
        let odd = try Picture(width: 66, height: 67, pixels: (0..<3 * 66 * 67).map { UInt8($0 % 251) })
        #expect(try teacher.fitted(odd) == odd.resized(width: 64, height: 64))
        #expect(try teacher.fitted(odd, height: 32, width: 48) == odd.resized(width: 48, height: 32))
    }

    @Test("A requested size gives an image of that size")
    func size() throws {
        let size = try student.latentSize(height: 80, width: 48)
        let picture = try student.pictures(for: ["a red heart"], seed: 0, start: .noise(size: size))[0]
        #expect((picture.height, picture.width) == (80, 48))
    }

    @Test("Image-to-image latents match diffusers for the same seeds", arguments: [1, 2])
    func imageToImage(count: Int) throws {
        let golden = try Fixtures.tensors("image-to-image/golden.safetensors")
        let colours = try golden.golden("picture")
        let picture = try Picture(
            width: colours.shape[1], height: colours.shape[0], pixels: colours.scalars.map { UInt8($0) })
        let file = folder.appending(path: "picture.png")
        try PNG.write(picture, to: file)
        let settings = SamplingSettings(steps: 10, guidanceScale: 4.5, negativePrompt: "a cat")
        var sampler = try teacher.samples(
            for: Array(repeating: "a red heart", count: count), settings, seed: 5,
            start: .picture(Picture(contentsOf: file), strength: 0.6))
        let steps = try sampler.remainingSteps()
        #expect(steps.map(\.index) == Array(4..<10))
        let found = try #require(steps.last).latents.channelsFirst()
        // Six guided steps of the whole network in Float32, with the tolerance of the parity test for images.
        #expect(relativeError(found, try golden.golden("latents.\(count)")) <= 1e-3)
        #expect(throws: PictureError.self) { try Picture(contentsOf: folder.appending(path: "nothing.png")) }
    }
}
