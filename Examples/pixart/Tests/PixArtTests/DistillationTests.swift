import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor
import Testing

@testable import PixArt

@Suite("Sampling and distilling PixArt")
struct DistillationTests {
    private struct FirstChannels: LatentDecoder {
        func pictures(of latents: Variable) -> Variable { latents.sliced(axis: 3, 0..<3) }
    }

    private func teacher() throws -> TextToImageModel {
        TextToImageModel(
            network: try PixArtTransformer(contentsOf: fixture("a")), textEncoder: try prompts(),
            decoder: FirstChannels(), schedule: .scaledLinear())
    }

    private func distiller(_ change: (inout DistillationConfiguration) -> Void = { _ in }) throws -> Distiller {
        var settings = DistillationConfiguration()
        (settings.batchSize, settings.adapterRank, settings.studentLearningRate) = (2, 4, 1e-3)
        change(&settings)
        return try Distiller(teacher: teacher(), prompts: ["a house", "a dog"], configuration: settings)
    }

    @Test("Samplers with guidance generate an image")
    func sampling() throws {
        let picture = try teacher().picture(for: "a dog", steps: 3, guidanceScale: 4.5, seed: 1)
        #expect(picture.width == 8 && picture.height == 8)
    }

    @Test("Twenty steps of score distillation with an adapter fake score, and the same when resumed after the twelfth")
    func distillation() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "pixart-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let straight = try distiller()
        var norms: [Double] = []
        for _ in 0..<20 { norms.append(try straight.step().studentGradientNorm) }
        #expect(norms[0] == 0, "a new fake score predicts what the teacher does")
        #expect(norms.dropFirst().allSatisfy { $0 > 0 })

        let first = try distiller()
        for _ in 0..<12 { try first.step() }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let checkpoint = folder.appending(path: "checkpoint.safetensors")
        try first.saveCheckpoint(to: checkpoint)
        let second = try distiller()
        try second.restoreCheckpoint(from: checkpoint)
        for _ in 0..<8 { try second.step() }
        let (found, expected) = try (second.studentModel(of: teacher()), straight.studentModel(of: teacher()))
        let latents = try expected.latents(for: ["a dog"], seed: 3)
        #expect(try found.latents(for: ["a dog"], seed: 3) == latents)
        #expect(try teacher().untrainedStudent().latents(for: ["a dog"], seed: 3) != latents)
    }

    @Test("A student as a LoRA, and every step of a student of two steps")
    func otherStudents() throws {
        let adapters = try distiller { $0.studentAdapters = StudentAdapters(rank: 2, targets: ["to_q", "net.2"]) }
        for _ in 0..<3 { try adapters.step() }
        #expect(try adapters.studentModel(of: teacher()).oneStep == .swiftBrush)
        let steps = try distiller { $0.studentStepCount = 2 }
        for _ in 0..<3 { try steps.step() }
        #expect(try steps.studentModel(of: teacher()).pictures(for: ["a house"], seed: 0, steps: 2).count == 1)
    }
}
