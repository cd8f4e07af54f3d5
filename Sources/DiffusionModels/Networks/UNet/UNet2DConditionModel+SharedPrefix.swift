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
    ///   - conditions: for each network one or more, each with one condition per sample, or one for all samples.
    /// - Returns: for each network one output per condition, each `[batch, height, width, out channels]`.
    public static func outputs(
        of networks: [UNet2DConditionModel], _ latents: Variable, timesteps: [Double],
        conditionsOfEach conditions: [[TextCondition]]
    ) -> [[Variable]] {
        require(
            networks.count == conditions.count && !networks.isEmpty,
            "UNet2DConditionModel.outputs: expected conditions for each network, found \(conditions.count) for "
                + "\(networks.count)")
        var perSample: [Double] = []
        for (network, own) in zip(networks, conditions) { perSample = network.check(latents, timesteps, own) }
        let shards = networks.map { $0.shardCount(of: latents) }.min() ?? 1
        var outputs = inShards(of: latents, perSample, conditions, count: shards) { latents, timesteps, conditions in
            let first = networks[0].prefix(latents, timesteps, conditions[0])
            return zip(networks, conditions).enumerated().flatMap { index, pair in
                let isShared = index == 0 || pair.0.sharesPrefix(with: networks[0])
                let prefix = isShared ? first : pair.0.prefix(latents, timesteps, pair.1)
                return pair.0.outputs(from: prefix, texts: pair.1.map(\.tokens))
            }
        }[...]
        return conditions.map { own in
            defer { outputs = outputs.dropFirst(own.count) }
            return Array(outputs.prefix(own.count))
        }
    }
}
