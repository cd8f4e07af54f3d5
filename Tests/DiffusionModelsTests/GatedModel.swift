import Autograd
import DiffusionModels
import Foundation
import Tensor

/// A text encoder of one number per prompt: its length. A prompt "refused" is an error.
struct LengthEncoder: TextEncoder {
    func condition(for prompts: [String], windows: Int) throws -> TextCondition {
        if prompts.contains("refused") {
            throw ModelError.invalidArgument(
                operation: "LengthEncoder", argument: "prompt", expected: "another", found: "refused")
        }
        return TextCondition(tokens: Tensor(prompts.map { Float($0.count) }, shape: [prompts.count, 1, 1]))
    }
}

/// The first three channels as colours.
struct FirstColours: LatentDecoder {
    func pictures(of latents: Variable) -> Variable { latents.sliced(axis: 3, 0..<3).tanh() }
}

/// A network that counts its passes and waits in each until its gate is open.
final class GatedNetwork: DenoisingNetwork {
    private let passes = Lock([Int]())
    private let gate: DispatchSemaphore?
    let latentSize: LatentSize? = LatentSize(height: 2, width: 2)

    /// The batch sizes of the passes so far.
    var batches: [Int] { passes.withLock { $0 } }

    /// A network whose passes each wait for a signal of `gate`, if there is one.
    init(gate: DispatchSemaphore? = nil) { self.gate = gate }

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        passes.withLock { $0.append(timesteps.count) }
        gate?.wait()
        return noisy * 0.5 + condition.tokens.reshaped(to: [timesteps.count, 1, 1, 1]) * 0.1
    }

    /// A model with this network; a one-step student unless it is sampled in several steps.
    func model(isStudent: Bool = true) -> TextToImageModel {
        TextToImageModel(
            network: self, textEncoder: LengthEncoder(), decoder: FirstColours(), schedule: .scaledLinear(),
            oneStep: isStudent ? .swiftBrush : nil)
    }
}
