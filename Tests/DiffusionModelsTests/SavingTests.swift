import Foundation
import Tensor
import TestFixtures
import Testing

@testable import DiffusionModels

@Suite("Saving and the two kinds of models")
final class SavingTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "saved-\(UUID().uuidString)")
    private let teacher: TextToImageModel

    init() throws {
        teacher = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @Test("A saved student is the same model, in 16 bits too, since the weights came from there")
    func roundTrip() throws {
        var student = teacher
        student.oneStep = OneStepConfiguration(timestep: 999, cumulativeAlpha: 0.0047)
        let expected = try student.picture(for: "a red heart", seed: 1)
        for type in [ScalarType.float32, .float16] {
            try student.save(to: folder, scalarType: type)
            let loaded = try TextToImageModel(contentsOf: folder)
            #expect(loaded.oneStep == student.oneStep)
            #expect(loaded.schedule == student.schedule)
            #expect(loaded.unet.configuration == student.unet.configuration)
            #expect(try loaded.picture(for: "a red heart", seed: 1) == expected)
        }
    }

    @Test("Asking a model for what it is not is an error")
    func wrongKind() throws {
        #expect(throws: ModelError.self) { try teacher.picture(for: "a red heart", seed: 0) }
        var student = teacher
        student.oneStep = OneStepConfiguration(timestep: 999, of: teacher.schedule)
        #expect(throws: ModelError.self) { try student.samples(for: "", steps: 2, guidanceScale: 1, seed: 0) }
        for (steps, scale) in [(0, 1.0), (1001, 1), (2, .nan)] {
            #expect(throws: ModelError.self) {
                try teacher.samples(for: "", steps: steps, guidanceScale: scale, seed: 0)
            }
        }
    }

    @Test("A picture does not depend on the batch it is drawn in")
    func batches() throws {
        var student = teacher
        student.oneStep = OneStepConfiguration(timestep: 999, of: teacher.schedule)
        let alone = try student.picture(for: "a blue circle", seed: 6)
        let together = try student.pictures(for: ["a red heart", "a blue circle"], seed: 5)[1]
        let worst = zip(alone.pixels, together.pixels).map { abs(Int($0) - Int($1)) }.max()
        #expect(try #require(worst) <= 1)
    }
}
