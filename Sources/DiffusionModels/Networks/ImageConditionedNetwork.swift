import Autograd
import Tensor

/// An inpainting network with its mask and masked image, which reads only the latents.
struct ImageConditionedNetwork: DenoisingNetwork {
    let network: any DenoisingNetwork
    /// The network's further channels, `[batch, height, width, conditionChannels]`.
    let condition: Variable

    var latentChannels: Int { network.latentChannels }
    var latentSize: LatentSize? { network.latentSize }
    var channelsAtFullSize: Int { network.channelsAtFullSize }
    var parameters: ParameterSet { network.parameters }

    func over(_ scope: ParameterScope) -> ImageConditionedNetwork {
        ImageConditionedNetwork(network: network.over(scope), condition: condition)
    }

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        network.predict(joined(noisy), at: timesteps, given: condition)
    }

    func predict(_ noisy: Variable, at timesteps: [Double], givenEach conditions: [TextCondition]) -> [Variable] {
        network.predict(joined(noisy), at: timesteps, givenEach: conditions)
    }

    private func joined(_ noisy: Variable) -> Variable { .concatenate([noisy, condition], axis: 3) }
}
