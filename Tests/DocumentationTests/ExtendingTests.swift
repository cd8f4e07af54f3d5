import Autograd
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

/// The code of the article `ExtendingSwiftBrush.md` in use.
@Suite("Extending")
struct ExtendingTests {
    private var stream = RandomStream(seed: 0)
    private let labels = ["star", "heart", "leaf", "drop"]

    private func trained() throws -> TextToImageModel {
        var stream = stream
        return try teacher(of: labels, on: stream.normal([4, 8, 8, 4]))
    }

    @Test("Training updates an own network and an own text encoder, and the model draws with both")
    func training() throws {
        let model = try trained()
        // The function under test draws its initial weights in this order.
        var stream = RandomStream(seed: 0)
        let start = ClassLabels(labels, in: ParameterSet().scope)
        TinyDenoiser(in: ParameterSet().scope).parameters.initialize(using: &stream)
        start.parameters.initialize(using: &stream)
        #expect(relativeError(model.textEncoder.parameters.all[0].value, start.parameters.all[0].value) > 1e-3)
        let pictures = try labels.map { try model.picture(for: $0, steps: 3, guidanceScale: 2, seed: 0) }
        #expect(pictures[0].width == 8 && pictures[0] != pictures[1])
        #expect(throws: UnknownLabel.self) { try model.picture(for: "moon", steps: 3, guidanceScale: 2, seed: 0) }
        #expect(throws: ModelError.self) { try model.save(to: Fixtures.package.appending(path: "never-written")) }
    }

    @Test("Embeddings of an own text encoder are rejected after its weights have changed")
    func fingerprints() throws {
        var model = try trained()
        let embeddings = try model.embeddings(for: labels)
        try embeddings.check(against: model)
        var other = RandomStream(seed: 1)
        let encoder = ClassLabels(labels, in: ParameterSet().scope)
        encoder.parameters.initialize(using: &other)
        model.textEncoder = encoder
        #expect(throws: ModelError.self) { try embeddings.check(against: model) }
    }

    @Test("An own network is distilled, and its student draws in one step")
    func distillation() throws {
        let teacher = try trained()
        let student = try student(of: teacher, prompts: labels)
        let untrained = try teacher.untrainedStudent()
        #expect(try student.picture(for: "star", seed: 0).width == 8)
        #expect(
            try relativeError(student.latents(for: labels, seed: 0), untrained.latents(for: labels, seed: 0)) > 1e-6)
    }

    @Test("An own sampler agrees with DDIM at the same timesteps")
    func sampler() throws {
        var stream = stream
        let (model, noise) = (try trained(), stream.normal([1, 8, 8, 4]))
        let found = try #require(try latents(of: "leaf", by: model, noise))
        let condition = try model.textEncoder.condition(for: ["leaf"], windows: 1)
        var expected = noise
        for index in 0..<10 {
            let level = model.schedule.level(at: 999 * (10 - index) / 10)
            let output = model.network.predict(Variable(expected), at: [0], given: condition).value
            let original = level.convert(output, from: .epsilon, to: .sample, noisy: expected)
            let next = index == 9 ? SignalLevel.clean : model.schedule.level(at: 999 * (9 - index) / 10)
            expected = next.noisy(original, noise: output)
        }
        #expect(relativeError(found, expected) <= 1e-5)
    }

    @Test("An own operation has the gradient of finite differences, and a wrong rule is detected")
    func operation() {
        var stream = stream
        let point = [stream.normal([3, 5])]
        #expect(GradientCheck().run(at: point) { cube($0[0]) }.worstError < 1e-3)
        let wrong = GradientCheck().run(at: point) { inputs in
            let square = inputs[0].value * inputs[0].value
            return .custom(square * inputs[0].value, of: inputs) { [$0 * square * 2] }
        }
        #expect(wrong.worstError > 0.1)
    }
}
