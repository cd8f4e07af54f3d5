import Autograd
import Tensor

extension UNet2DConditionModel {
    /// Numbers of one sample's widest map up to which a thread is faster alone with its samples than all are together with
    /// each operation.
    private static let largestMap = 1 << 16
    /// Trained weights up to which their gradients are computed part by part: each part holds its own.
    private static let mostTrained = 1 << 25

    /// How many parts a batch is computed in: one a thread where the maps are small.
    func partCount(of latents: Variable) -> Int {
        let (batch, map) = (latents.shape[0], latents.shape[1] * latents.shape[2] * configuration.blockChannels[0])
        let threads = ThreadPool.threadCount
        guard map <= Self.largestMap, batch >= 2 * threads else { return 1 }
        let trained = parameters.all.reduce(0) { $0 + ($1.isTrainable ? $1.shape.reduce(1, *) : 0) }
        return trained <= Self.mostTrained ? threads : 1
    }

    /// The joined outputs, computed in parts of the batch side by side.
    static func inParts(
        _ parts: Int, _ networks: [UNet2DConditionModel], _ latents: Variable, timesteps: [Double], texts: [[Variable]]
    ) -> Variable {
        let batch = latents.shape[0]
        let texts = texts.map {
            $0.map { $0.requiresGradient ? $0.broadcast(to: [batch] + $0.shape.dropFirst()) : $0 }
        }
        let cut = texts.flatMap { $0 }.filter { $0.shape[0] == batch }
        return dataParallel([latents] + cut, parts: parts) { rows, inputs in
            var next = inputs.dropFirst().makeIterator()
            let own = texts.map { $0.map { $0.shape[0] == batch ? next.next() ?? $0 : $0 } }
            return joinedOutputs(of: networks, inputs[0], timesteps: Array(timesteps[rows]), texts: own)
        }
    }
}
