import Autograd
import Foundation
import Tensor

/// Sines and cosines of the timesteps (DDPM, arXiv 2006.11239), then two linear layers.
struct TimestepEmbedding {
    private let linear1: Linear
    private let linear2: Linear
    private let guidance: GuidanceEmbedding?
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
        guidance = GuidanceEmbedding(configuration, in: scope)
        linear1 = Linear(inputs: channels, outputs: width, in: scope["linear_1"])
        linear2 = Linear(inputs: width, outputs: width, in: scope["linear_2"])
    }

    /// `[timesteps.count, width]`. Networks that read no guidance scale ignore it.
    func callAsFunction(_ timesteps: [Double], guidanceScale: Double) -> Variable {
        var waves = Variable(waves(timesteps))
        if let guidance { waves = waves + guidance(guidanceScale).broadcast(to: waves.shape) }
        return linear2(linear1(waves).activated(activation))
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
