import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation
@testable import SwiftBrushRuntime

@Suite("Teacher's pairs")
final class TeacherPairsTests {
    private let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")

    deinit { try? FileManager.default.removeItem(at: file) }

    /// Two pairs of prompt 0 whose images differ by 0.1 % of the variance, two of prompt 1 with different images, one of prompt 2.
    private func pairs() throws -> TeacherPairs {
        var stream = RandomStream(seed: 1)
        let other = stream.normal([4, 2, 2, 4])
        let pictures = Tensor.concatenate(
            [other.gathered(rows: [0]), other.gathered(rows: [0]) + 0.03, other.gathered(rows: [1, 2, 3])], axis: 0)
        return try TeacherPairs(noise: stream.normal([5, 2, 2, 4]), pictures: pictures, prompts: [0, 0, 1, 1, 2])
    }

    @Test("Pairs contain noise of consecutive seeds and the teacher's images; none are generated if not needed")
    func output() throws {
        let teacher = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        let prompts = ["a red heart", "a snowman"]
        let pairs = try TeacherPairs(
            generatedBy: teacher, prompts: prompts, count: 3, steps: 2, guidanceScale: 2, seed: 5)
        #expect(pairs.prompts == [0, 1, 0])
        #expect(try pairs.noise.scalars == teacher.startingLatents(count: 3, seed: 5).latents.scalars)
        var alone = try teacher.samples(for: "a red heart", steps: 2, guidanceScale: 2, seed: 7)
        let last = try #require(try alone.last()).latents
        // Batches of three and of one divide the same products into different blocks.
        #expect(relativeError(pairs.pictures.sliced(axis: 0, 2..<3), last) <= 1e-4)
        let twice = try TeacherPairs(
            generatedBy: teacher, prompts: prompts + ["a red heart"], count: 3, steps: 2, guidanceScale: 2, seed: 5)
        #expect(twice.prompts == [0, 1, 0])
        let none = try DistillationResources(
            generatedBy: teacher, for: [.teacher, .fakeScore], prompts: prompts, count: 9)
        #expect(none.pairs == nil && none.realLatents == nil)
    }

    @Test("Noise is replaced by new noise if the images do not depend on it, and kept otherwise")
    func renewal() throws {
        let pairs = try pairs()
        #expect(pairs.dependsOnNoise == [false, false, true, true, true])
        var stream = RandomStream(seed: 2)
        let fresh = stream.normal([3, 2, 2, 4])
        let noise = pairs.noise([3, 0, 4], orFresh: fresh)
        #expect(noise.gathered(rows: [0, 2]).scalars == pairs.noise.gathered(rows: [3, 4]).scalars)
        #expect(noise.gathered(rows: [1]).scalars == fresh.gathered(rows: [1]).scalars)
    }

    @Test("Saved pairs are read for prompts in another order")
    func reading() throws {
        let pairs = try pairs()
        try pairs.save(to: file, prompts: ["a dog", "a cat", "a hen"])
        let read = try TeacherPairs(contentsOf: file, prompts: ["a hen", "a fox", "a dog", "a cat"])
        #expect(read.prompts == [2, 2, 3, 3, 0])
        #expect(read.noise.scalars == pairs.noise.scalars && read.pictures.scalars == pairs.pictures.scalars)
    }

    @Test("Pairs of an unknown prompt, and other files, are rejected")
    func refusals() throws {
        func expectError(_ words: String) {
            do {
                _ = try TeacherPairs(contentsOf: file, prompts: ["a dog", "a cat"])
                Issue.record("no error for \(words)")
            } catch {
                #expect("\(error)".contains(words), "\(error)")
            }
        }
        try pairs().save(to: file, prompts: ["a dog", "a cat", "a hen"])
        expectError("found one of \"a hen\"")
        try pairs().save(to: file, prompts: ["a dog", "a cat"])
        expectError("5 pairs of 2 prompts")
        try Safetensors.write([(name: "noise", tensor: .zeros([1, 2, 2, 4]))], to: file)
        expectError("expected prompts of a teacher's pairs")
    }

    @Test("A run is not resumed with another number of pairs")
    func resuming() throws {
        let folder = file.deletingPathExtension()
        defer { try? FileManager.default.removeItem(at: folder) }
        func distiller(pairs count: Int) throws -> Distiller {
            try ReferenceRun().distiller(loss: PairRegression()) { _ in
                let latents = Tensor.zeros([count, 8, 8, 4])
                return try DistillationResources(
                    try TeacherPairs(noise: latents, pictures: latents, prompts: Array(0..<count)))
            }
        }
        try RunDirectory(folder, resuming: false).begin(distiller(pairs: 3))
        try RunDirectory(folder, resuming: true).begin(distiller(pairs: 3))
        #expect(throws: RunError.self) {
            try RunDirectory(folder, resuming: true).begin(distiller(pairs: 2))
        }
    }
}
