import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

@Suite("PictureGeneration")
final class PictureGenerationTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "generation-\(UUID().uuidString)")
    private let student: TextToImageModel
    private let teacher: TextToImageModel
    private let prompts = ["a red heart", "a cat", "a blue circle"]

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let models = Fixtures.package.appending(path: "Examples/Models")
        student = try TextToImageModel(contentsOf: models.appending(path: "emoji-student"))
        teacher = try TextToImageModel(contentsOf: models.appending(path: "emoji-teacher"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func generation(in name: String, seed: UInt64 = 5, prompts: [String]? = nil) throws -> PictureGeneration {
        try PictureGeneration(
            of: prompts ?? self.prompts, picturesPerPrompt: 4, by: student, .oneStep, seed: seed,
            record: ["model": "emoji-student"], in: folder.appending(path: name), batchSize: 5)
    }

    /// The bytes of every file except the record, which has the time, and the lock.
    private func files(in name: String) throws -> [String: Data] {
        let folder = folder.appending(path: name)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            !["generation.json", "generation.lock"].contains($0)
        }
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: folder.appending(path: $0))) })
    }

    @Test("Image n has its prompt and the seed plus n, and the list names all images in order")
    func drawing() throws {
        var generation = try generation(in: "a")
        #expect(generation.count == 12 && generation.missingCount == 12 && generation.time.perPicture == nil)
        let left = [try generation.next(), try generation.next(), try generation.next(), try generation.next()]
        #expect(left == [7, 2, 0, nil])
        #expect(generation.time.pictures == 12)
        let time = try #require(generation.time.perPicture)
        #expect(time.network > 0 && time.network < time.whole)
        let list = try PictureList(in: generation.folder).entries
        #expect(list.map(\.fileName).sorted() == list.map(\.fileName) && list[4].fileName == "2-1.png")
        #expect(list.map(\.text) == prompts.flatMap { Array(repeating: $0, count: 4) })
        for number in [0, 4, 5, 11] {
            let generated = try Picture(contentsOf: generation.folder.appending(path: list[number].fileName))
            let alone = try student.picture(for: prompts[number / 4], seed: 5 + UInt64(number))
            #expect(generated == alone)
        }
        let bytes = try Data(contentsOf: generation.folder.appending(path: "2-1.png"))
        for text in ["prompt\0", "a cat", "seed\0", "emoji-student"] {
            #expect(bytes.range(of: Data(text.utf8)) != nil)
        }
    }

    @Test("Resuming after a deleted image reproduces the folder bit for bit and keeps existing images")
    func resumption() throws {
        var whole = try generation(in: "whole")
        while try whole.next() != nil {}
        var first = try generation(in: "parts")
        _ = try first.next()
        let parts = folder.appending(path: "parts")
        #expect(try PictureList(in: parts).entries.count == 5)
        let own = try Picture(width: 1, height: 1, pixels: [1, 2, 3])
        try PNG.write(own, to: parts.appending(path: "1-1.png"))
        try FileManager.default.removeItem(at: parts.appending(path: "1-3.png"))
        var second = try generation(in: "parts")
        #expect(try PictureList(in: parts).entries.map(\.fileName) == ["1-1.png", "1-2.png", "1-4.png", "2-1.png"])
        while try second.next() != nil {}
        #expect(try Picture(contentsOf: parts.appending(path: "1-1.png")) == own)
        var (expected, found) = (try files(in: "whole"), try files(in: "parts"))
        (expected["1-1.png"], found["1-1.png"]) = (nil, nil)
        #expect(found == expected && found.count == 12)
        #expect(try generation(in: "parts").missingCount == 0)
        #expect(try generation(in: "parts").time == second.time)
    }

    @Test(
        "A truncated, changed or empty image is generated again; a file that is not an image is kept and is an error"
    )
    func damagedPictures() throws {
        var whole = try generation(in: "a")
        while try whole.next() != nil {}
        let expected = try files(in: "a")
        let folder = whole.folder
        var bytes = try Data(contentsOf: folder.appending(path: "1-1.png"))
        bytes[bytes.count / 2] ^= 4
        try bytes.write(to: folder.appending(path: "1-1.png"))
        try Data(contentsOf: folder.appending(path: "2-3.png")).dropLast(3).write(to: folder.appending(path: "2-3.png"))
        try Data().write(to: folder.appending(path: "3-4.png"))
        try Data().write(to: folder.appending(path: ".3-4.png.\(UUID().uuidString).partial"))
        var again = try generation(in: "a")
        #expect(again.missingCount == 12)
        while try again.next() != nil {}
        #expect(try files(in: "a") == expected)
        let foreign = folder.appending(path: "1-2.png")
        try Data("a text".utf8).write(to: foreign)
        #expect(throws: ModelError.self) { try self.generation(in: "a") }
        #expect(try Data(contentsOf: foreign) == Data("a text".utf8))
    }

    @Test("A folder that another process uses is an error")
    func lock() throws {
        let first = folder.appending(path: "locked")
        try FileManager.default.createDirectory(at: first, withIntermediateDirectories: true)
        let other = open(first.appending(path: "generation.lock").path, O_RDWR | O_CREAT, 0o644)
        #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
        #expect(throws: FileError.self) { try self.generation(in: "locked") }
        close(other)
        _ = try generation(in: "locked")
    }

    @Test("Resuming with other settings is an error that names both values; a folder of other files is an error")
    func otherSettings() throws {
        _ = try generation(in: "a")
        let error = #expect(throws: ModelError.self) { try self.generation(in: "a", seed: 6) }
        #expect(error?.description.contains("seed: expected 5, with which \(folder.path)/a was begun, found 6") == true)
        #expect(throws: ModelError.self) { try self.generation(in: "a", prompts: ["a", "b", "c"]) }
        // The same settings with other weights.
        let other = try teacher.untrainedStudent()
        #expect(throws: ModelError.self) {
            try PictureGeneration(
                of: self.prompts, picturesPerPrompt: 4, by: other, .oneStep, seed: 5,
                record: ["model": "emoji-student"], in: self.folder.appending(path: "a"))
        }
        let foreign = folder.appending(path: "foreign")
        try FileManager.default.createDirectory(at: foreign, withIntermediateDirectories: true)
        try PictureList.write([], in: foreign)
        #expect(throws: ModelError.self) { try self.generation(in: "foreign") }
        #expect(try files(in: "foreign") == ["metadata.jsonl": Data()])
    }

    @Test(
        "Multi-step images use noise from their own seed with each sampler", arguments: ["ddim", "euler-ancestral"])
    func steps(method: String) throws {
        let sampler = try teacher.sampler(named: method)
        let settings = SamplingSettings(steps: 3, guidanceScale: 2, negativePrompt: "a dog", sampler: sampler)
        var generation = try PictureGeneration(
            of: prompts, by: teacher, .steps(settings), seed: 7,
            in: folder.appending(path: "steps"), batchSize: 2)
        while try generation.next() != nil {}
        var steps = try teacher.samples(for: [prompts[2]], settings, seed: 9)
        let last = try #require(try steps.last())
        let generated = try Picture(contentsOf: generation.folder.appending(path: "3.png"))
        #expect(try generated == teacher.pictures(from: last.latents)[0])
    }

    @Test("Arguments out of range and models of the wrong kind are errors")
    func errors() throws {
        let target = folder.appending(path: "none")
        #expect(throws: ModelError.self) { try PictureGeneration(of: [], by: self.student, .oneStep, in: target) }
        #expect(throws: ModelError.self) {
            try PictureGeneration(of: ["a"], by: self.student, .oneStep, in: target, batchSize: 0)
        }
        #expect(throws: ModelError.self) { try PictureGeneration(of: ["a"], by: self.teacher, .oneStep, in: target) }
        for (model, steps) in [(student, 2), (teacher, 0), (teacher, 1001)] {
            #expect(throws: ModelError.self) {
                try PictureGeneration(of: ["a"], by: model, .steps(steps, guidanceScale: 1), in: target)
            }
        }
        #expect(!FileManager.default.fileExists(atPath: target.path))
    }
}
