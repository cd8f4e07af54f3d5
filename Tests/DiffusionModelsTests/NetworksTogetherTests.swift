import Autograd
import DiffusionModels
import SwiftBrushTestFixtures
import Tensor
import Testing

@Suite("Joint evaluation of networks that share weights")
struct NetworksTogetherTests {
    /// The layers before the first transformer can be shared if all adapters are after its input projection, and not if adapters are in
    /// it or earlier.
    @Test(
        "Joint evaluation of a network and its adapted copy matches separate evaluation",
        arguments: [["to_q", "to_v"], ["conv1"], ["conv_in"], ["time_emb_proj"], ["linear_1"], ["conv"]], [2, 5])
    func adapters(targets: [String], batch: Int) throws {
        for model in ParityModel.all {
            let base = try ModelFiles(contentsOf: model.folder).unet()
            let adapters = try LowRankAdapterSet(rank: 3, alpha: 6, targets: targets)
            let adapted = base.over(base.parameters.scope(adapters: adapters))
            var stream = RandomStream(seed: 3)
            for parameter in adapters.parameters.all { parameter.value = stream.normal(parameter.shape) * 0.1 }
            #expect(!adapters.parameters.all.isEmpty)

            let side = base.configuration.sampleSize?.height ?? 8
            let x = Variable(stream.normal([batch, side, side, base.configuration.inputChannels]))
            let width = base.configuration.crossAttentionWidths[0]
            let text = TextCondition(tokens: stream.normal([batch, 6, width]))
            let null = TextCondition(tokens: stream.normal([1, 6, width]))
            let timesteps = (0..<batch).map { 100.0 * Double($0) }
            let together = base.predict(
                x, at: timesteps, givenEach: [text, null], and: adapted, givenEach: [null, text, text])
            let alone = (
                base.predict(x, at: timesteps, givenEach: [text, null]),
                adapted.predict(x, at: timesteps, givenEach: [null, text, text])
            )
            #expect(together.own.count == 2 && together.other.count == 3)
            for (found, expected) in zip(together.own + together.other, alone.0 + alone.1) {
                #expect(relativeError(found.value, expected.value) <= 2e-6, "\(model)")
            }
            #expect(
                relativeError(together.own[0].value, together.other[1].value) > 1e-4, "the adapters must matter")
        }
    }
}
