import Autograd
import DiffusionModels
import SwiftBrushRuntime
import Tensor

/// What a multi-step model learns on the noised images of its prior.
public enum PriorTarget: String, Codable, Sendable, CaseIterable {
    /// Its own prediction without the adapters. Nothing is learned of the images themselves, which may have been generated with guidance, and the
    /// gradient has no noise of the noise's.
    case prediction
    /// The noise, as in DreamBooth.
    case noise
}

/// The settings of an ``AdapterTrainer``. Rank, targets, batch size, learning rate and weight decay are the defaults of diffusers' DreamBooth LoRA.
public struct AdapterTrainingSettings: OptimizationSettings, Codable, Sendable, Equatable {
    /// The rank of the adapters.
    public var rank = 4
    /// The adapters' scale times their rank.
    public var alpha = 4.0
    /// The layers of the denoising network to adapt, by suffixes of their paths.
    public var targets = ["to_q", "to_k", "to_v", "to_out.0"]
    /// The layers of the text encoder to adapt, such as `q_proj` and `v_proj`; none leaves it as it is.
    public var textEncoderTargets: [String] = []
    /// Pictures per step, and as many samples of the prior.
    public var batchSize = 4
    /// The number of parts in which a step computes its gradients, one after the other or each in a process of its own.
    public var accumulatedParts: Int {
        get { accumulate ?? 1 }
        set { accumulate = newValue == 1 ? nil : newValue }
    }
    /// Nil for one part, under the name that all trainings record.
    private var accumulate: Int?
    /// The type as which processes send gradients.
    public var gradientType = GradientType.float32
    /// The number of steps in all.
    public var iterations = 500
    /// AdamW's learning rate.
    public var learningRate = 5e-4
    /// Decoupled weight decay.
    public var weightDecay = 0.01
    /// The largest global gradient norm; larger gradients are scaled down.
    public var gradientNormLimit = 1.0
    /// The largest decay of the adapters' moving average; 0 for none.
    public var averageDecay = 0.0
    /// γ of the min-SNR weights (arXiv 2303.09556), by which a multi-step model's noise levels count; nil for equal weights.
    public var minimumSNR: Double? = 5
    /// The weight of the prior's loss.
    public var priorWeight = 1.0
    /// What a multi-step model learns on the prior's noised images.
    public var priorTarget = PriorTarget.prediction
    /// The images that a multi-step model generates of the prior's prompts before the first step.
    public var priorPictures = 64
    /// The sampling steps of those images.
    public var priorSteps = 25
    /// The guidance scale of those images.
    public var priorGuidanceScale = 4.5
    /// The seed of all random streams.
    public var seed: UInt64 = 0
    /// The precision of all passes and gradients; nil for `MatmulPrecision.current`.
    public var precision: MatmulPrecision?

    /// The default settings.
    public init() {}

    /// Throws ``TrainingError`` for a setting that is out of range.
    public func validate() throws {
        try validateOptimization()
        let scales = SamplingSettings.guidanceScales
        for (isValid, name, expected, found) in [
            ((1...4096).contains(rank), "rank", "1 to 4096", "\(rank)"),
            (alpha.isFinite && alpha > 0, "alpha", "a positive number", "\(alpha)"),
            (minimumSNR.map { $0.isFinite && $0 > 0 } ?? true, "minimumSNR", "a positive number", "\(minimumSNR ?? 0)"),
            ((0...1000).contains(priorWeight), "priorWeight", "0 to 1000", "\(priorWeight)"),
            ((1...100_000).contains(priorPictures), "priorPictures", "1 to 100000", "\(priorPictures)"),
            ((1...1000).contains(priorSteps), "priorSteps", "1 to 1000", "\(priorSteps)"),
            (
                scales.contains(priorGuidanceScale), "priorGuidanceScale",
                "\(scales.lowerBound) to \(scales.upperBound)",
                "\(priorGuidanceScale)"
            ),
        ] {
            try TrainingError.check(isValid, name, expected: expected, found: found)
        }
    }
}
