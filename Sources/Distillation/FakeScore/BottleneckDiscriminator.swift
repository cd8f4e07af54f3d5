import Autograd
import DiffusionModels
import Tensor

/// DMD2's discriminator (arXiv 2405.14867): a small head on the innermost feature map of the fake score's network.
///
/// Convolution 3×3, group normalisation, SiLU, mean over positions, a linear layer: one logit per sample. DMD2's head reduces to
/// one position by strided convolutions, which needs a bottleneck of 8 × 8; the mean accepts any size.
public struct BottleneckDiscriminator: Discriminator {
    /// The parameters of the head; those of the features belong to the fake score.
    public let parameters = ParameterSet()
    private let features: any DenoisingFeatures
    private let convolution: Conv2d
    private let norm: GroupNorm
    private let output: Linear

    /// A head on a network's features, initialised with random numbers from `stream`.
    public init(on features: any DenoisingFeatures, using stream: inout RandomStream) {
        self.features = features
        let channels = features.channelCount
        convolution = Conv2d(
            inputs: channels, outputs: channels, kernelSize: 3, padding: .init(1), in: parameters.scope["conv"])
        norm = GroupNorm(
            channels: channels, groups: features.groupCount, epsilon: 1e-5, in: parameters.scope["norm"])
        output = Linear(inputs: channels, outputs: 1, in: parameters.scope["output"])
        parameters.initialize(using: &stream)
        parameters.freeze()
    }

    /// The logit of each sample, `[batch, 1, 1, 1]`.
    public func logits(of noisy: Variable, at timesteps: [Int], given condition: TextCondition) -> Variable {
        let map = features.features(of: noisy, at: timesteps.map(Double.init), given: condition)
        let pooled = norm(convolution(map)).silu().mean(alongAxes: [1, 2])
        return output(pooled).reshaped(to: [timesteps.count, 1, 1, 1])
    }
}
