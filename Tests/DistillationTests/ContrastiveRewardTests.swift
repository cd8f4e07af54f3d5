import Autograd
import DiffusionModels
import Foundation
import Tensor
import Testing

@testable import Distillation

@Suite("Contrastive reward")
struct ContrastiveRewardTests {
    private struct FirstChannels: LatentDecoder {
        func pictures(of latents: Variable) -> Variable { latents.sliced(axis: 3, 0..<3) }
    }

    private func conditions(_ count: Int) throws -> PromptConditions {
        var stream = RandomStream(seed: 1)
        return try PromptConditions(
            TextCondition(tokens: stream.normal([count, 3, 8])), null: TextCondition(tokens: .zeros([1, 3, 8])))
    }

    /// Images of four prompts, each with its own colour.
    private func pairs() throws -> TeacherPairs {
        let colours: [[Float]] = [[1, -1, -1, 0], [-1, 1, -1, 0], [-1, -1, 1, 0], [1, 1, -1, 0]]
        let prompts = (0..<16).map { $0 % 4 }
        let pictures = Tensor(
            prompts.flatMap { prompt in (0..<256).flatMap { _ in colours[prompt] } }, shape: [16, 16, 16, 4])
        return try TeacherPairs(noise: .zeros(pictures.shape), pictures: pictures, prompts: prompts)
    }

    @Test("The losses of orthogonal pairs and of pairs that share a prompt equal their closed forms")
    func loss() {
        let units = Variable(Tensor([1, 0, 0, 1], shape: [2, 2]))
        let apart = ContrastiveReward.loss(units, units, [0, 1], 0.5).value.item
        #expect(abs(Double(apart) - (log(exp(2) + 1) - 2)) <= 1e-6)
        // Each target is one half for both: ln(e² + 1) − 1.
        let shared = ContrastiveReward.loss(units, units, [3, 3], 0.5).value.item
        #expect(abs(Double(shared) - (log(exp(2) + 1) - 1)) <= 1e-6)
    }

    @Test("After training, the teacher's images score higher for their own prompts; teacherMean is the mean")
    func learning() throws {
        var training = ContrastiveReward.Training()
        (training.steps, training.batchSize) = (40, 16)
        var losses: [Double] = []
        let reward = try ContrastiveReward(
            learnedFrom: pairs(), decoder: FirstChannels(), conditions: conditions(4), training: training
        ) { losses.append($1) }
        // About four pairs per batch share each prompt, so ln 4 of the loss remains.
        #expect(losses.count == 40 && losses[39] - log(4) < 0.2 * (losses[0] - log(4)), "\(losses)")
        let pictures = try FirstChannels().pictures(of: Variable(pairs().pictures.gathered(rows: [0, 1, 2, 3])))
        let own = reward.scores(of: pictures, for: [0, 1, 2, 3]).value.scalars
        let other = reward.scores(of: pictures, for: [1, 2, 3, 0]).value.scalars
        for (own, other) in zip(own, other) { #expect(own > other + 0.3) }
        #expect(abs(reward.teacherMean - Double(own.reduce(0, +) / 4)) < 0.05)
    }

    @Test("Gradients flow into the images, not into the reward's parameters")
    func gradient() throws {
        var stream = RandomStream(seed: 4)
        let reward = try ContrastiveReward(conditions: conditions(3), using: &stream)
        reward.parameters.freeze()
        let pictures = Variable.trainable(stream.normal([2, 16, 16, 3]))
        reward.scores(of: pictures, for: [2, 0]).sum().backward()
        let slope = try #require(pictures.gradient)
        let direction = stream.normal(slope.shape)
        func score(_ step: Float) -> Double {
            reward.scores(of: Variable(pictures.value + direction * step), for: [2, 0]).value.sum()
        }
        let expected = (score(1e-2) - score(-1e-2)) / 2e-2
        #expect(abs(slope.dot(direction) - expected) <= 0.02 * abs(expected) + 1e-5)
        #expect(reward.parameters.all.allSatisfy { $0.gradient == nil })
    }
}
