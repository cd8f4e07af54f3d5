import Autograd
import Tensor

extension UNet2DConditionModel {
    /// What lies before the first attention to the text.
    struct Entrance {
        let time: TimeContext
        /// The map that the first transformer reads; of a network without one on the way down, its last map.
        let hidden: Variable
        /// The maps of the stages before.
        let skips: [Variable]
    }

    /// The outputs of several networks for the same latents, each for texts of its own: networks that share weights, as one
    /// with low-rank adapters behind its entrance shares its base's, compute once what lies before the first transformer.
    ///
    /// - Parameters:
    ///   - networks: of equal numbers of input channels.
    ///   - latents: `[batch, height, width, in channels]`.
    ///   - timesteps: one a sample, or a single one for all.
    ///   - texts: for each network one or more, each `[batch, tokens, width]`, or `[1, tokens, width]` for all samples.
    /// - Returns: for each network one output a text, each `[batch, height, width, out channels]`.
    public static func outputs(
        of networks: [UNet2DConditionModel], _ latents: Variable, timesteps: [Double],
        textEmbeddingsOfEach texts: [[Variable]]
    ) -> [[Variable]] {
        precondition(
            networks.count == texts.count && !networks.isEmpty,
            "UNet2DConditionModel.outputs: expected texts for each network, found \(texts.count) for \(networks.count)")
        var each: [Double] = []
        for (network, texts) in zip(networks, texts) { each = network.check(latents, timesteps, texts) }
        let parts = networks.map { $0.partCount(of: latents) }.min() ?? 1
        let joined =
            parts > 1
            ? inParts(parts, networks, latents, timesteps: each, texts: texts)
            : joinedOutputs(of: networks, latents, timesteps: each, texts: texts)
        var start = 0
        return zip(networks, texts).map { network, texts in
            texts.map { _ in
                let channels = start..<start + network.configuration.outputChannels
                start = channels.upperBound
                return joined.shape[3] == channels.count ? joined : joined.sliced(axis: 3, channels)
            }
        }
    }

    /// The outputs of a whole batch at once, with a timestep each, beside each other in the channels.
    static func joinedOutputs(
        of networks: [UNet2DConditionModel], _ latents: Variable, timesteps: [Double], texts: [[Variable]]
    ) -> Variable {
        let first = networks[0].entrance(latents, timesteps)
        let outputs = zip(networks, texts).map { network, texts in
            let isShared = network.sharesEntrance(with: networks[0])
            return network.outputs(from: isShared ? first : network.entrance(latents, timesteps), texts: texts)
        }
        return outputs.count == 1 ? outputs[0] : .concatenate(outputs, axis: 3)
    }
}
