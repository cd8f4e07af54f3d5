import Autograd
import Tensor

extension UNet2DConditionModel {
    /// The outputs of several networks for the same latents, each for texts of its own: networks that share weights, as one
    /// with low-rank adapters after its prefix shares its base's, compute the layers before the first transformer once.
    ///
    /// - Parameters:
    ///   - networks: of equal numbers of input channels.
    ///   - latents: `[batch, height, width, in channels]`.
    ///   - timesteps: one per sample, or a single one for all.
    ///   - texts: for each network one or more, each `[batch, tokens, width]`, or `[1, tokens, width]` for all samples.
    /// - Returns: for each network one output per text, each `[batch, height, width, out channels]`.
    public static func outputs(
        of networks: [UNet2DConditionModel], _ latents: Variable, timesteps: [Double],
        textEmbeddingsOfEach texts: [[Variable]]
    ) -> [[Variable]] {
        require(
            networks.count == texts.count && !networks.isEmpty,
            "UNet2DConditionModel.outputs: expected texts for each network, found \(texts.count) for \(networks.count)")
        var perSample: [Double] = []
        for (network, texts) in zip(networks, texts) { perSample = network.check(latents, timesteps, texts) }
        let shards = networks.map { $0.shardCount(of: latents) }.min() ?? 1
        var outputs = inShards(of: latents, perSample, texts, count: shards) { latents, timesteps, texts in
            let first = networks[0].prefix(latents, timesteps)
            return zip(networks, texts).flatMap { network, texts in
                let isShared = network.sharesPrefix(with: networks[0])
                return network.outputs(from: isShared ? first : network.prefix(latents, timesteps), texts: texts)
            }
        }[...]
        return texts.map { texts in
            defer { outputs = outputs.dropFirst(texts.count) }
            return Array(outputs.prefix(texts.count))
        }
    }
}
