import Autograd
import Foundation
import Tensor

/// Sines and cosines of the timesteps (DDPM, arXiv 2006.11239), then two linear layers.
struct TimestepEmbedding {
    private let linear1: Linear
    private let linear2: Linear
    /// The layer for the embedding of the guidance scale, with its inputs.
    private let guidance: (projection: Linear, width: Int)?
    private let activation: Activation
    private let channels: Int
    private let flipsSineToCosine: Bool
    private let frequencyShift: Float

    init(_ configuration: UNet2DConditionModel.Configuration, in scope: ParameterScope) {
        channels = configuration.blockChannels[0]
        flipsSineToCosine = configuration.flipsSineToCosine
        frequencyShift = Float(configuration.frequencyShift)
        activation = configuration.activation.function
        let width = configuration.timeWidth
        guidance = configuration.guidanceEmbeddingWidth.map {
            (Linear(inputs: $0, outputs: configuration.blockChannels[0], hasBias: false, in: scope["cond_proj"]), $0)
        }
        linear1 = Linear(inputs: channels, outputs: width, in: scope["linear_1"])
        linear2 = Linear(inputs: width, outputs: width, in: scope["linear_2"])
    }

    /// `[timesteps.count, width]`. The guidance scale is used by networks that read one.
    func callAsFunction(_ timesteps: [Double], guidanceScale: Double) -> Variable {
        var waves = Variable(waves(timesteps))
        if let guidance {
            let scale = Variable(Self.guidanceWaves(guidanceScale, width: guidance.width))
            waves = waves + guidance.projection(scale).broadcast(to: waves.shape)
        }
        return linear2(linear1(waves).activated(activation))
    }

    /// Sines and cosines of 1000 (scale − 1) / 10000^(i/(n − 1)), `[1, width]`: diffusers' `get_guidance_scale_embedding`, in Float32 at each
    /// step.
    static func guidanceWaves(_ scale: Double, width: Int) -> Tensor {
        let half = width / 2
        let rate = Float(log(Float(10_000))) / Float(half - 1)
        let weight = Float(scale - 1) * 1000
        let angles = (0..<half).map { Double(weight * Float(exp(Double(Float($0) * -rate)))) }
        let waves = angles.map { Float(sin($0)) } + angles.map { Float(cos($0)) }
        return Tensor(waves + (width % 2 == 1 ? [0] : []), shape: [1, width])
    }

    /// Sines and cosines of t / 10000^(i/(n − shift)), `[timesteps.count, channels]`.
    ///
    /// In Float32 at each step, as PyTorch does it: at t = 999 the rounding of the angle shows in the fifth digit.
    func waves(_ timesteps: [Double]) -> Tensor {
        let half = channels / 2
        let rate = Float(-log(10_000.0))
        let frequencies = (0..<half).map { index in
            Float(exp(Double(rate * Float(index) / (Float(half) - frequencyShift))))
        }
        var waves: [Float] = []
        waves.reserveCapacity(timesteps.count * channels)
        for timestep in timesteps {
            let angles = frequencies.map { Double(Float(timestep) * $0) }
            let sines = angles.map { Float(sin($0)) }
            let cosines = angles.map { Float(cos($0)) }
            waves += flipsSineToCosine ? cosines + sines : sines + cosines
        }
        return Tensor(waves, shape: [timesteps.count, channels])
    }
}
