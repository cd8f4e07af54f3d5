import Autograd
import Tensor

extension UNet2DConditionModel {
    /// Numbers in one sample's widest map up to which a thread is faster alone with its samples than all threads are together with
    /// each operation.
    private static let largestMap = 1 << 16
    /// Trained weights up to which their gradients are computed shard by shard: each shard holds its own.
    private static let mostTrained = 1 << 25

    /// In how many shards a batch is computed: one per thread where the maps are small.
    func shardCount(of latents: Variable) -> Int {
        let (batch, map) = (latents.shape[0], latents.shape[1] * latents.shape[2] * configuration.blockChannels[0])
        let threads = ThreadPool.threadCount
        guard map <= Self.largestMap, batch >= 2 * threads else { return 1 }
        let trained = parameters.all.reduce(0) { $0 + ($1.isTrainable ? $1.shape.reduce(1, *) : 0) }
        return trained <= Self.mostTrained ? threads : 1
    }
}

/// The outputs of `body` for a batch, computed in `count` shards of it, each on a thread of its own.
///
/// - Parameters:
///   - latents: `[batch, height, width, channels]`.
///   - timesteps: one per sample.
///   - texts: lists of embeddings, each `[batch, tokens, width]`, or `[1, tokens, width]` for all samples.
///   - body: the outputs of a shard; called on several threads.
func inShards(
    of latents: Variable, _ timesteps: [Double], _ texts: [[Variable]], count: Int,
    _ body: @Sendable (_ latents: Variable, _ timesteps: [Double], _ texts: [[Variable]]) -> [Variable]
) -> [Variable] {
    guard count > 1 else { return body(latents, timesteps, texts) }
    let batch = latents.shape[0]
    let texts = texts.map {
        $0.map { $0.requiresGradient ? $0.broadcast(to: [batch] + $0.shape.dropFirst()) : $0 }
    }
    let perSample = texts.flatMap { $0 }.filter { $0.shape[0] == batch }
    return dataParallel([latents] + perSample, shards: count) { rows, inputs in
        var next = inputs.dropFirst().makeIterator()
        let own = texts.map { $0.map { $0.shape[0] == batch ? next.next() ?? $0 : $0 } }
        return body(inputs[0], Array(timesteps[rows]), own)
    }
}
