import Autograd
import Tensor

/// A denoising network, as samplers, the pipeline and distillation use it.
///
/// A network of one's own implements ``predict(_:at:given:)`` and `over(_:)`; the other requirements have defaults. See
/// the article "Extending SwiftBrush" of `Distillation`.
public protocol DenoisingNetwork: Parameterized {
    /// The number of channels of the latents. The default is 4.
    var latentChannels: Int { get }
    /// The channels that the network reads of an image beside the latents, after them: the mask and the latents of the masked image, of
    /// inpainting networks. The default is 0.
    var conditionChannels: Int { get }
    /// The height and width of the latents that the network was trained on; nil, the default, where it is not known.
    var latentSize: LatentSize? { get }
    /// The channels of a feature map at the latents' full size, by which memory is estimated. The default is ``latentChannels``.
    var channelsAtFullSize: Int { get }
    /// The width of the pooled text embedding that the network reads; nil, the default, for networks that read none.
    var pooledWidth: Int? { get }
    /// The network's part of a model folder; nil, the default, for networks that cannot be stored.
    var stored: StoredPart? { get }
    /// The network's inner feature map for discriminators; nil, the default, for networks that offer none.
    var features: (any DenoisingFeatures)? { get }

    /// The same network, which runs its blocks again in the backward pass instead of keeping their intermediates, if it can. The default
    /// returns `self`.
    func recomputingBlocks(_ recomputes: Bool) -> Self

    /// The same network at another guidance scale, if it reads an embedding of the scale, as latent consistency models do: its output is guided
    /// without an unconditional one. Nil, the default, for other networks.
    func guided(byEmbedding scale: Double) -> Self?

    /// The same network, whose attention to the text avoids another text, if it can. Nil, the default, for other networks.
    ///
    /// - Parameters:
    ///   - text: a single text's condition, of which the tokens are read.
    ///   - guidance: how it is avoided.
    func avoiding(_ text: TextCondition, by guidance: AttentionGuidance) -> Self?

    /// The network's output, in the prediction type that it was trained for.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one per sample; samplers also pass fractional ones.
    ///   - condition: the text condition, one per sample.
    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable

    /// The network's outputs for several conditions of the same samples, as guidance needs them: one per entry of `conditions`, each
    /// with one condition per sample, or one for all samples.
    ///
    /// By default they are computed as one batch.
    func predict(_ noisy: Variable, at timesteps: [Double], givenEach conditions: [TextCondition]) -> [Variable]

    /// The outputs of this network and of another for the same samples, each network with its own conditions.
    ///
    /// By default one network is evaluated after the other. A network that shares weights with `other` can compute the shared layers once.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one per sample.
    ///   - conditions: this network's conditions, as in ``predict(_:at:givenEach:)``.
    ///   - other: the other network.
    ///   - otherConditions: the other network's conditions.
    func predict(
        _ noisy: Variable, at timesteps: [Double], givenEach conditions: [TextCondition],
        and other: any DenoisingNetwork, givenEach otherConditions: [TextCondition]
    ) -> (own: [Variable], other: [Variable])
}

/// The inner feature map of a denoising network, on which a discriminator can be built.
public protocol DenoisingFeatures: Sendable {
    /// The number of channels of the feature map.
    var channelCount: Int { get }
    /// A divisor of ``channelCount``: the number of groups of the network's group normalisations.
    var groupCount: Int { get }
    /// The feature map of x_t, `[batch, height′, width′, channels]`.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one per sample.
    ///   - condition: the text condition, one per sample.
    func features(of noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable
}

extension DenoisingNetwork {
    /// 4, as in Stable Diffusion.
    public var latentChannels: Int { 4 }
    /// None.
    public var conditionChannels: Int { 0 }
    /// Unknown.
    public var latentSize: LatentSize? { nil }
    /// ``latentChannels``.
    public var channelsAtFullSize: Int { latentChannels }
    /// None.
    public var pooledWidth: Int? { nil }
    /// Not supported.
    public var stored: StoredPart? { nil }
    /// None.
    public var features: (any DenoisingFeatures)? { nil }

    /// The network itself.
    public func recomputingBlocks(_ recomputes: Bool) -> Self { self }

    /// Nil: the network reads no guidance scale.
    public func guided(byEmbedding scale: Double) -> Self? { nil }

    /// Nil: the network has no attention to the text that can be guided.
    public func avoiding(_ text: TextCondition, by guidance: AttentionGuidance) -> Self? { nil }

    /// Computes the outputs as one batch in which the samples are repeated for each condition.
    public func predict(
        _ noisy: Variable, at timesteps: [Double], givenEach conditions: [TextCondition]
    ) -> [Variable] {
        let (batch, count) = (noisy.shape[0], conditions.count)
        let outputs = predict(
            noisy.repeated(count), at: Array(repeating: timesteps, count: count).flatMap { $0 },
            given: .concatenate(conditions.map { $0.broadcast(to: batch) }))
        // An output of another batch cannot be divided; the caller finds too few outputs.
        guard outputs.shape.first == count * batch else { return [outputs] }
        return (0..<count).map { outputs.sliced(axis: 0, $0 * batch..<($0 + 1) * batch) }
    }

    /// Evaluates one network after the other.
    public func predict(
        _ noisy: Variable, at timesteps: [Double], givenEach conditions: [TextCondition],
        and other: any DenoisingNetwork, givenEach otherConditions: [TextCondition]
    ) -> (own: [Variable], other: [Variable]) {
        (
            predict(noisy, at: timesteps, givenEach: conditions),
            other.predict(noisy, at: timesteps, givenEach: otherConditions)
        )
    }
}

extension DenoisingNetwork {
    /// Whether this network can take over the weights of another: the same paths, shapes and stored settings.
    package func hasArchitecture(of other: any DenoisingNetwork) -> Bool {
        parameters.hasShapes(of: other.parameters)
            && stored?.configuration == other.stored?.configuration
    }
}
