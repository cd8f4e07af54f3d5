import Autograd
import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor

@testable import Distillation

/// The fixture's small network, set up as in its script.
struct ReferenceRun {
    let golden: [String: Tensor]
    let schedule = NoiseSchedule.scaledLinear()
    let teacher: UNet2DConditionModel

    init() throws {
        golden = try Fixtures.tensors("distillation/golden.safetensors")
        let folder = Fixtures.url("distillation/unet")
        let configuration = try JSONDecoder().decode(
            UNet2DConditionModel.Configuration.self, from: Data(contentsOf: folder.appending(path: "config.json")))
        let parameters = ParameterSet()
        teacher = UNet2DConditionModel(configuration, in: parameters.scope)
        try parameters.load(
            SafetensorsFile(contentsOf: folder.appending(path: "diffusion_pytorch_model.safetensors")))
        parameters.freeze()
    }

    /// The settings of the fixture's script.
    static var configuration: DistillationConfiguration {
        var configuration = DistillationConfiguration()
        configuration.batchSize = 3
        configuration.studentLearningRate = 1e-4
        configuration.fakeScoreLearningRate = 2e-2
        configuration.adamEpsilon = 1e-4
        configuration.adapterRank = 4
        configuration.adapterAlpha = 4 * 1.6875
        return configuration
    }

    /// A distiller over copies, so that runs are independent.
    func distiller(
        _ configuration: DistillationConfiguration = configuration,
        loss: any DistillationLoss = VariationalScoreDistillation(), prompts: Int = 5,
        resources: (FakeScore) throws -> DistillationResources = { _ in DistillationResources() }
    ) throws -> Distiller {
        try configuration.validate()
        let fakeScore = try configuration.fakeScore(of: teacher)
        let network = UNet2DConditionModel(
            teacher.configuration, in: teacher.parameters.copy(trainable: true).scope)
        return try Distiller(
            student: OneStepStudent(network: network, step: configuration.studentSteps(on: schedule)), teacher: teacher,
            fakeScore: fakeScore, schedule: schedule,
            conditions: try PromptConditions(
                TextCondition(tokens: try tensor("embeddings").sliced(axis: 0, 0..<prompts)),
                null: TextCondition(tokens: try tensor("null"))),
            latentShape: [8, 8, 4], loss: loss, configuration: configuration, resources: try resources(fakeScore))
    }

    func tensor(_ name: String) throws -> Tensor {
        guard let tensor = golden[name] else { throw SafetensorsError.missingTensor(path: "golden", name: name) }
        return tensor
    }

    private func integers(_ name: String) throws -> [Int] { try tensor(name).scalars.map { Int($0) } }

    /// The script's random inputs of one iteration.
    func inputs(_ step: Int) throws -> StepInputs {
        StepInputs(
            prompts: try integers("\(step).prompts"), latents: try tensor("\(step).latents").channelsLast(),
            timesteps: try integers("\(step).timesteps"), noise: try tensor("\(step).noise").channelsLast(),
            fakeScore: [
                FakeScoreInputs(
                    timesteps: try integers("\(step).fake.timesteps"),
                    noise: try tensor("\(step).fake.noise").channelsLast(),
                    dropsPrompts: Array(repeating: try integers("\(step).fake.drops") == [1], count: 3))
            ])
    }

    /// The golden file's tensors with a prefix, by the rest of their names.
    func tensors(_ prefix: String) -> [String: Tensor] {
        let chosen = golden.filter { $0.key.hasPrefix(prefix) }
        return Dictionary(uniqueKeysWithValues: chosen.map { (String($0.key.dropFirst(prefix.count)), $0.value) })
    }
}
