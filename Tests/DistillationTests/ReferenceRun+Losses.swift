import Autograd
import DiffusionModels
import SwiftBrushRuntime
import Tensor

@testable import Distillation

extension ReferenceRun {
    private struct FirstChannels: LatentDecoder {
        func pictures(of latents: Variable) -> Variable { latents.sliced(axis: 3, 0..<3) }
    }

    private struct Redness: ImageTextReward {
        func scores(of pictures: Variable, for prompts: [Int]) -> Variable {
            pictures.sliced(axis: 3, 0..<1).mean(alongAxes: [1, 2, 3]).tanh()
        }
    }

    /// A distiller with any loss, and with all resources that a loss may need.
    static func distiller(
        _ loss: any DistillationLoss, _ change: (inout DistillationConfiguration) -> Void = { _ in }
    ) throws -> Distiller {
        var configuration = ReferenceRun.configuration
        configuration.fakeScoreTraining = loss.usualFakeScoreTraining
        configuration.fakeScoreTraining.nullPromptRate = 0.4
        configuration.fakeScoreTraining.dropsPromptsPerSample = true
        change(&configuration)
        return try ReferenceRun().distiller(configuration, loss: loss) { fakeScore in
            var stream = RandomStream(seed: 9)
            var resources = DistillationResources()
            (resources.decoder, resources.reward) = (FirstChannels(), Redness())
            resources.realLatents = try RealLatents(latents: stream.normal([6, 8, 8, 4]), prompts: [0, 1, 2, 3, 4, 0])
            resources.pairs = try TeacherPairs(
                noise: stream.normal([4, 8, 8, 4]), pictures: stream.normal([4, 8, 8, 4]), prompts: [0, 2, 4, 1])
            if let features = fakeScore.network.features {
                resources.discriminator = BottleneckDiscriminator(on: features, using: &stream)
            }
            return resources
        }
    }
}

extension Distiller {
    /// All that a step changes, bit for bit.
    var bits: [[UInt32]] {
        let sets =
            [student.parameters, average.parameters, fakeScore.parameters]
            + (resources.discriminator.map { [$0.parameters] } ?? [])
        let moments = optimizers.flatMap { $0.state.tensors.sorted { $0.key < $1.key }.map(\.value) }
        let memory = memory.sorted { $0.key < $1.key }.map(\.value)
        return (sets.flatMap { $0.all.map(\.value) } + moments + memory).map { $0.scalars.map(\.bitPattern) }
    }
}
