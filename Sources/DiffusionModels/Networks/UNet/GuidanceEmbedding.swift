import Autograd
import Foundation
import Tensor

/// The embedding of the guidance scale that networks distilled with guidance read; it is added to the sines and cosines of the timestep.
struct GuidanceEmbedding {
    private let projection: Linear
    private let width: Int

    /// Nil for a network without.
    init?(_ configuration: UNet2DConditionModel.Configuration, in scope: ParameterScope) {
        guard let width = configuration.guidanceEmbeddingWidth else { return nil }
        self.width = width
        projection = Linear(
            inputs: width, outputs: configuration.blockChannels[0], hasBias: false, in: scope["cond_proj"])
    }

    /// `[1, channels]`.
    func callAsFunction(_ scale: Double) -> Variable { projection(Variable(waves(scale))) }

    /// Sines and cosines of 1000 (scale − 1) / 10000^(i/(n − 1)), `[1, width]`: diffusers' `get_guidance_scale_embedding`, in Float32 at each
    /// step.
    private func waves(_ scale: Double) -> Tensor {
        let half = width / 2
        let rate = Float(log(Float(10_000))) / Float(half - 1)
        let weight = Float(scale - 1) * 1000
        let angles = (0..<half).map { Double(weight * Float(exp(Double(Float($0) * -rate)))) }
        let waves = angles.map { Float(sin($0)) } + angles.map { Float(cos($0)) }
        return Tensor(waves + (width % 2 == 1 ? [0] : []), shape: [1, width])
    }
}
