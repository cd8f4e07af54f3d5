import Autograd
import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

@Suite("Untrained student")
struct UntrainedStudentTests {
    private let teacher: TextToImageModel

    init() throws {
        teacher = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
    }

    @Test("untrainedStudent() equals a distillation's initial student")
    func start() throws {
        let distiller = try Distiller(teacher: teacher, prompts: ["a red heart"])
        let noise = try teacher.startingLatents(count: 1, seed: 3).latents
        let condition = try teacher.embeddings(for: ["a red heart"]).condition(for: ["a red heart"])
        let expected = try distiller.student.generate(from: Variable(noise), given: condition).value
        let student = try teacher.untrainedStudent()
        // Trainable networks use other convolution kernels than frozen ones; σ/α = 14.6 magnifies the differences in ε.
        #expect(relativeError(try student.latents(for: ["a red heart"], seed: 3), expected) <= 5e-5)
        #expect(throws: ModelError.self) { try student.untrainedStudent() }
    }

    @Test("untrainedStudent(at:) equals the x₀ of an unguided one-step sampler at the last timestep")
    func singleStep() throws {
        var trailing = teacher
        var configuration = teacher.schedule.configuration
        configuration.timestepSpacing = .trailing
        trailing.schedule = try NoiseSchedule(configuration)
        func step(_ model: TextToImageModel) throws -> DenoisingStep {
            var sampler = try model.samples(for: "a red heart", steps: 1, guidanceScale: 1, seed: 3)
            return try #require(try sampler.next())
        }
        let last = try OneStepConfiguration(timestep: 999, of: teacher.schedule)
        let expected = try teacher.untrainedStudent(at: last).latents(for: ["a red heart"], seed: 3)
        #expect(try step(trailing).timestep == 999)
        #expect(relativeError(try step(trailing).predictedOriginal, expected) <= 1e-5)
        // Stable Diffusion's own spacing takes the only step at the least noisy timestep, which generates no image.
        #expect(try step(teacher).timestep == 1)
    }

    @Test("A student starts from another student's network only if architecture and timestep are the same")
    func otherStart() throws {
        var other = try teacher.untrainedStudent()
        let parameters = other.network.parameters.copy(trainable: false)
        for parameter in parameters.all { parameter.value = parameter.value * 0.5 }
        other.network = other.network.over(parameters.scope)
        other.oneStep = try DistillationConfiguration().studentStep
        let distiller = try Distiller(teacher: teacher, startingFrom: other, prompts: ["a red heart"])
        #expect(distiller.student.parameters.all.map(\.value.scalars) == parameters.all.map(\.value.scalars))
        #expect(distiller.average.parameters.all.map(\.value.scalars) == parameters.all.map(\.value.scalars))
        other.oneStep = try OneStepConfiguration(timestep: 625, of: teacher.schedule)
        #expect(throws: DistillationError.self) {
            try Distiller(teacher: teacher, startingFrom: other, prompts: ["a red heart"])
        }
        var small = teacher
        small.network = try ReferenceRun().teacher
        #expect(throws: DistillationError.self) {
            try Distiller(teacher: teacher, startingFrom: small, prompts: ["a red heart"])
        }
    }

    @Test("With the prediction type sample, the student and its saved model predict x₀ directly")
    func originalPrediction() throws {
        var configuration = DistillationConfiguration()
        configuration.studentPrediction = .sample
        let distiller = try Distiller(teacher: teacher, prompts: ["a red heart"], configuration: configuration)
        let noise = try teacher.startingLatents(count: 1, seed: 3).latents
        let condition = try teacher.embeddings(for: ["a red heart"]).condition(for: ["a red heart"])
        let output = teacher.network.predict(Variable(noise), at: [999], given: condition).value
        let batch = try distiller.student.generate(from: Variable(noise), given: condition).value
        #expect(relativeError(batch, output) <= 1e-5)
        #expect(
            relativeError(try distiller.studentModel(of: teacher).latents(for: ["a red heart"], seed: 3), output)
                <= 1e-5)
    }
}
