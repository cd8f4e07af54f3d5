import Autograd
import Foundation
import Tensor

/// Sines and cosines of the timesteps (DDPM, arXiv 2006.11239), then two linear layers.
struct TimestepEmbedding {
    private let projection: EmbeddingProjection
    private let waves: Waves
    private let guidance: GuidanceEmbedding?

    init(_ configuration: UNet2DConditionModel.Configuration, in scope: ParameterScope) {
        waves = Waves(configuration, channels: configuration.blockChannels[0])
        guidance = GuidanceEmbedding(configuration, in: scope)
        projection = EmbeddingProjection(
            inputs: configuration.blockChannels[0], width: configuration.timeWidth,
            activation: configuration.activation.function, in: scope)
    }

    /// `[timesteps.count, width]`. Networks that read no guidance scale ignore it.
    func callAsFunction(_ timesteps: [Double], guidanceScale: Double) -> Variable {
        var waves = Variable(waves(of: timesteps))
        if let guidance { waves = waves + guidance(guidanceScale).broadcast(to: waves.shape) }
        return projection(waves)
    }
}

/// Stable Diffusion XL's embedding of the pooled text embedding and of the sines and cosines of the size ids, which is added to that of
/// the timestep: diffusers' `add_embedding` of the type `text_time`.
struct TextSizeEmbedding {
    private let projection: EmbeddingProjection
    private let waves: Waves

    /// Nil for a network without.
    init?(_ configuration: UNet2DConditionModel.Configuration, in scope: ParameterScope) {
        guard let channels = configuration.sizeEmbeddingWidth else { return nil }
        waves = Waves(configuration, channels: channels)
        projection = EmbeddingProjection(
            inputs: configuration.pooledWidth + 6 * channels, width: configuration.timeWidth, activation: .silu,
            in: scope)
    }

    /// `[batch, width]` of pooled embeddings `[batch, pooled width]` and size ids `[batch, 6]`.
    func callAsFunction(_ pooled: Variable, sizes: Tensor) -> Variable {
        let numbers = waves(of: sizes.scalars.map(Double.init)).reshaped(to: [sizes.shape[0], 6 * waves.channels])
        return projection(.concatenate([pooled, Variable(numbers)], axis: 1))
    }
}

/// Two linear layers with an activation between them.
private struct EmbeddingProjection {
    private let linear1: Linear
    private let linear2: Linear
    private let activation: Activation

    init(inputs: Int, width: Int, activation: Activation, in scope: ParameterScope) {
        self.activation = activation
        linear1 = Linear(inputs: inputs, outputs: width, in: scope["linear_1"])
        linear2 = Linear(inputs: width, outputs: width, in: scope["linear_2"])
    }

    func callAsFunction(_ input: Variable) -> Variable { linear2(linear1(input).activated(activation)) }
}

/// Sines and cosines of numbers.
private struct Waves {
    let channels: Int
    private let flipsSineToCosine: Bool
    private let frequencyShift: Float

    init(_ configuration: UNet2DConditionModel.Configuration, channels: Int) {
        self.channels = channels
        (flipsSineToCosine, frequencyShift) = (configuration.flipsSineToCosine, Float(configuration.frequencyShift))
    }

    /// Sines and cosines of t / 10000^(i/(n − shift)), `[numbers.count, channels]`.
    ///
    /// In Float32 at each step, as PyTorch does it: at t = 999 the rounding of the angle shows in the fifth digit.
    func callAsFunction(of numbers: [Double]) -> Tensor {
        let half = channels / 2
        let rate = Float(-log(10_000.0))
        let frequencies = (0..<half).map { index in
            Float(exp(Double(rate * Float(index) / (Float(half) - frequencyShift))))
        }
        var waves: [Float] = []
        waves.reserveCapacity(numbers.count * channels)
        for number in numbers {
            let angles = frequencies.map { Double(Float(number) * $0) }
            let sines = angles.map { Float(sin($0)) }
            let cosines = angles.map { Float(cos($0)) }
            waves += flipsSineToCosine ? cosines + sines : sines + cosines
        }
        return Tensor(waves, shape: [numbers.count, channels])
    }
}
