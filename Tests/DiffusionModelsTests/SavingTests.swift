import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Saving models, and one-step and multi-step models")
final class SavingTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "saved-\(UUID().uuidString)")
    private let teacher: TextToImageModel

    init() throws {
        teacher = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @Test("A saved student generates the same image, also in Float16, in which its weights were stored")
    func roundTrip() throws {
        var student = teacher
        student.oneStep = try OneStepConfiguration(timestep: 999, cumulativeAlpha: 0.0047)
        let expected = try student.picture(for: "a red heart", seed: 1)
        for type in [ScalarType.float32, .float16] {
            try student.save(to: folder, scalarType: type)
            let loaded = try TextToImageModel(contentsOf: folder)
            #expect(loaded.oneStep == student.oneStep)
            #expect(loaded.schedule == student.schedule)
            #expect(loaded.network.stored?.configuration == student.network.stored?.configuration)
            #expect(try loaded.picture(for: "a red heart", seed: 1) == expected)
        }
    }

    @Test("A student of several steps keeps its steps, and is sampled in any number of them")
    func steps() throws {
        var student = teacher
        student.oneStep = try OneStepConfiguration.swiftBrush.dividedEvenly(into: 4, of: teacher.schedule)
        try student.save(to: folder)
        let loaded = try TextToImageModel(contentsOf: folder)
        let steps = try #require(loaded.oneStep)
        #expect(steps == student.oneStep)
        #expect(steps.steps.map(\.timestep) == [999, 749, 499, 249])
        #expect(try steps.steps(1).map(\.timestep) == [999])
        #expect(try steps.steps(2).map(\.timestep) == [999, 499])
        #expect(try steps.steps(3).map(\.timestep) == [999, 749, 499])
        #expect(throws: ModelError.self) { try steps.steps(5) }
        let size = LatentSize(height: 8, width: 8)
        let output = folder.appending(path: "images")
        var generation = try PictureGeneration(
            of: ["a red heart"], by: loaded, .studentSteps(2), seed: 3, size: size, in: output)
        _ = try generation.next()
        var later = LatentNoise(seed: 3, count: 1)
        let noise = later.next(height: 8, width: 8, channels: 4)
        let network = try #require(loaded.student)
        let condition = try loaded.textEncoder.embeddings(for: ["a red heart"]).condition(for: ["a red heart"])
        let latents = try network.generate(from: noise, steps: steps.steps(2), given: condition) {
            later.next(height: 8, width: 8, channels: 4)
        }
        let files = try FileManager.default.contentsOfDirectory(at: output, includingPropertiesForKeys: nil)
        let picture = try Picture(contentsOf: #require(files.first { $0.pathExtension == "png" }))
        #expect(try loaded.pictures(from: latents)[0].pixels == picture.pixels)
    }

    @Test("Saving weights that overflow the type or are not finite throws and keeps the previous model intact")
    func unfit() throws {
        try teacher.save(to: folder, scalarType: .float16)
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
        let older = files.map { try? Data(contentsOf: folder.appending(path: $0)) }
        func changed(to number: Float) throws -> TextToImageModel {
            let autoencoder = try #require(teacher.autoencoder).copy(trainable: false)
            let weight = try #require(autoencoder.parameters["decoder.conv_out.bias"])
            weight.value = Tensor(repeating: number, shape: weight.shape)
            var model = teacher
            (model.autoencoder, model.decoder) = (autoencoder, autoencoder)
            return model
        }
        for (number, type) in [(Float(70_000), ScalarType.float16), (.nan, .float32)] {
            let model = try changed(to: number)
            let error = #expect(throws: SafetensorsError.self) { try model.save(to: folder, scalarType: type) }
            #expect(error?.description.contains("decoder.conv_out.bias") == true)
            #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() == files)
            #expect(files.map { try? Data(contentsOf: folder.appending(path: $0)) } == older)
        }
        try changed(to: 70_000).save(to: folder, scalarType: .bfloat16)
        #expect(throws: Never.self) { try TextToImageModel(contentsOf: folder) }
    }

    @Test("A guidance scale beyond Float32 is an error instead of a black image")
    func nonFinite() throws {
        #expect(throws: ModelError.self) {
            try teacher.picture(for: "a red heart", steps: 2, guidanceScale: 1e300, seed: 0)
        }
    }

    @Test("Images too large for memory are an error before sampling starts")
    func memory() throws {
        let size = LatentSize(height: 1 << 20, width: 1 << 20)
        #expect(throws: ModelError.self) {
            try teacher.samples(
                for: ["a red heart"], SamplingSettings(steps: 2, guidanceScale: 1), seed: 0, start: .noise(size: size))
        }
        var student = teacher
        student.oneStep = try OneStepConfiguration(timestep: 999, of: teacher.schedule)
        #expect(throws: ModelError.self) {
            try student.latents(for: ["a red heart"], seed: 0, start: .noise(size: size))
        }
        #expect(throws: ModelError.self) {
            try PictureGeneration(of: ["a red heart"], by: student, .oneStep, size: size, in: folder)
        }
    }

    @Test("One-step sampling of a teacher and multi-step sampling of a student are errors")
    func wrongKind() throws {
        #expect(throws: ModelError.self) { try teacher.picture(for: "a red heart", seed: 0) }
        var student = teacher
        student.oneStep = try OneStepConfiguration(timestep: 999, of: teacher.schedule)
        #expect(throws: ModelError.self) { try student.samples(for: "", steps: 2, guidanceScale: 1, seed: 0) }
        for (steps, scale) in [(0, 1.0), (1001, 1), (2, .nan)] {
            #expect(throws: ModelError.self) {
                try teacher.samples(for: "", steps: steps, guidanceScale: scale, seed: 0)
            }
        }
    }

    @Test("An image does not depend on the batch it is generated in")
    func batches() throws {
        var student = teacher
        student.oneStep = try OneStepConfiguration(timestep: 999, of: teacher.schedule)
        let alone = try student.picture(for: "a blue circle", seed: 6)
        let together = try student.pictures(for: ["a red heart", "a blue circle"], seed: 5)[1]
        let worst = zip(alone.pixels, together.pixels).map { abs(Int($0) - Int($1)) }.max()
        #expect(try #require(worst) <= 1)
    }
}
