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
///   - conditions: lists of conditions, each one per sample, or one for all samples.
///   - body: the outputs of a shard; called on several threads.
func inShards(
    of latents: Variable, _ timesteps: [Double], _ conditions: [[TextCondition]], count: Int,
    _ body: @Sendable (_ latents: Variable, _ timesteps: [Double], _ conditions: [[TextCondition]]) -> [Variable]
) -> [Variable] {
    guard count > 1 else { return body(latents, timesteps, conditions) }
    let batch = latents.shape[0]
    let conditions = conditions.map { list in
        list.map { one in one.parts.contains(where: \.requiresGradient) ? one.broadcast(to: batch) : one }
    }
    let perSample = conditions.flatMap { $0 }.filter { $0.count == batch }.flatMap(\.parts)
    return dataParallel([latents] + perSample, shards: count) { rows, inputs in
        var rest = inputs.dropFirst()
        let own = conditions.map { list in
            list.map { one in
                guard one.count == batch else { return one }
                defer { rest = rest.dropFirst(one.parts.count) }
                return one.with(Array(rest.prefix(one.parts.count)))
            }
        }
        return body(inputs[0], Array(timesteps[rows]), own)
    }
}
