import Autograd
import DiffusionModels
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import SwiftBrushTeachers

@Suite("Three DreamBooth steps compared with PyTorch and PEFT", .highestPrecision)
struct AdapterParityTests {
    /// A CLIP text model with given tokens for each prompt.
    private struct GivenTokens: TextEncoder {
        let model: CLIPTextModel
        let tokens: [String: [Int]]
        var parameters: ParameterSet { model.parameters }

        func over(_ scope: ParameterScope) -> GivenTokens {
            GivenTokens(model: CLIPTextModel(model.configuration, in: scope), tokens: tokens)
        }

        func condition(for prompts: [String], windows: Int) throws -> TextCondition {
            TextCondition(tokens: model(prompts.map { tokens[$0] ?? Array(repeating: 59, count: 12) }))
        }
    }

    private let golden: [String: Tensor]

    init() throws { golden = try Fixtures.tensors("dreambooth/golden.safetensors") }

    private func tensor(_ name: String) throws -> Tensor { try #require(golden[name]) }
    private func integers(_ name: String) throws -> [Int] { try tensor(name).scalars.map { Int($0) } }

    private func trainer() throws -> AdapterTrainer {
        let files = try ModelFiles(contentsOf: Fixtures.url("models/a"))
        let ids = try integers("tokens")
        let prompts = (0..<5).map { "prompt \($0)" }
        let tokens = Dictionary(
            uniqueKeysWithValues: prompts.enumerated().map { ($1, Array(ids[12 * $0..<12 * $0 + 12])) })
        let model = try TextToImageModel(
            files, textEncoder: GivenTokens(model: files.textEncoder(), tokens: tokens))
        let pixels = try integers("pixels").map { UInt8($0) }
        let pictures = try CaptionedPictures(
            prompts.prefix(3).map { CaptionedPicture(fileName: "\($0).png", text: $0) },
            (0..<3).map { try Picture(width: 16, height: 16, pixels: Array(pixels[768 * $0..<768 * $0 + 768])) })
        var settings = AdapterTrainingSettings()
        (settings.rank, settings.alpha, settings.batchSize, settings.learningRate) = (3, 6, 4, 1e-2)
        (settings.priorWeight, settings.priorPictures, settings.priorTarget) = (0.7, 2, .noise)
        settings.targets = ["to_q", "to_v", "to_out.0"]
        settings.textEncoderTargets = ["q_proj", "out_proj"]
        let trainer = try AdapterTrainer(
            model: model, pictures: pictures, priorPrompts: Array(prompts.suffix(2)), settings: settings)
        trainer.priorLatents = try tensor("prior").channelsLast()
        return trainer
    }

    /// The golden values of the adapters, by the paths of ours.
    private func expected(_ prefix: String, _ parameters: ParameterSet) throws -> [String: Tensor] {
        try Dictionary(
            uniqueKeysWithValues: parameters.all.map {
                let path = $0.path.hasPrefix("text_model.") ? String($0.path.dropFirst("text_model.".count)) : $0.path
                return ($0.path, try tensor(prefix + path))
            })
    }

    @Test("Latents, losses, gradient norms and the adapters of both networks match after each step")
    func threeSteps() throws {
        let trainer = try trainer()
        #expect(relativeError(trainer.latents.channelsFirst(), try tensor("latents")) < 1e-4)
        let parts = [
            ("unet.", trainer.networkAdapters.adapters.parameters),
            ("text_encoder.", try #require(trainer.textEncoderAdapters).adapters.parameters),
        ]
        #expect(golden.keys.filter { $0.hasPrefix("start.") }.count == parts.reduce(0) { $0 + $1.1.all.count })
        for (name, parameters) in parts {
            let start = try expected("start.\(name)", parameters)
            for parameter in parameters.all { parameter.value = try #require(start[parameter.path]) }
        }
        for step in 0..<3 {
            let inputs = AdapterStepInputs(
                pictures: try integers("\(step).pictures"), prior: try integers("\(step).others"),
                priorIsEmpty: Array(repeating: false, count: 4),
                timesteps: try integers("\(step).timesteps"), noise: try tensor("\(step).noise").channelsLast())
            let report = try trainer.step(with: inputs)
            let losses = try tensor("\(step).losses").scalars
            for (found, expected) in zip([report.loss, report.priorLoss ?? 0, report.gradientNorm], losses) {
                #expect(abs(found / Double(expected) - 1) < 1e-4, "step \(step)")
            }
            for (name, parameters) in parts {
                let expected = try expected("\(step).\(name)", parameters)
                for parameter in parameters.all {
                    let error = relativeError(parameter.value, try #require(expected[parameter.path]))
                    #expect(error < 1e-3, "\(name)\(parameter.path) after step \(step): \(error)")
                }
            }
        }
    }
}
