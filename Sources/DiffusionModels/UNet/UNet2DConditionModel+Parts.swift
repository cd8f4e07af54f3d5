import Autograd
import Tensor

extension UNet2DConditionModel {
    /// Numbers of one sample's widest map up to which a thread is faster alone with its samples than all are together with
    /// each operation.
    private static let largestMap = 1 << 16

    /// How many parts a batch is computed in: one a thread where the maps are small and the weights are frozen. (Trained weights
    /// would get their gradients part by part.)
    func partCount(of latents: Variable) -> Int {
        let (batch, map) = (latents.shape[0], latents.shape[1] * latents.shape[2] * configuration.blockChannels[0])
        let threads = ThreadPool.threadCount
        let isSmall = map <= Self.largestMap && batch >= 2 * threads
        return isSmall && !parameters.all.contains(where: \.isTrainable) ? threads : 1
    }

    /// The network's output, computed in parts of the batch side by side.
    func inParts(
        _ parts: Int, _ latents: Variable, timesteps: [Double], textEmbeddings: Variable
    ) -> Variable {
        let batch = latents.shape[0]
        var outputs = [Variable?](repeating: nil, count: parts)
        outputs.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            let target = SharedMutable(base)
            // Variables belong to one task: each part has its own until they are joined.
            nonisolated(unsafe) let (network, x, text) = (self, latents, textEmbeddings)
            parallelFor(parts, grain: 1) { range in
                for part in range {
                    let rows = part * batch / parts..<(part + 1) * batch / parts
                    (target + part).pointee = network.output(
                        x.sliced(axis: 0, rows), timesteps: Array(timesteps[rows]),
                        textEmbeddings: text.sliced(axis: 0, rows))
                }
            }
        }
        return .concatenate(outputs.compactMap { $0 }, axis: 0)
    }
}
