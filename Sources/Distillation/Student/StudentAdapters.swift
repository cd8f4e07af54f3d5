/// Low-rank adapters (LoRA, arXiv 2106.09685) that are trained in place of all of a student's weights: the student is a small file that makes
/// the model that it started from, its teacher or another student, or one fine-tuned from it, a model of one step.
public struct StudentAdapters: Codable, Sendable, Equatable {
    /// The adapters' rank, 1 to 4096.
    public var rank: Int
    /// The adapters' scale times their rank.
    public var alpha: Double
    /// The layers to adapt, by suffixes of their paths.
    public var targets: [String]

    /// Adapters.
    ///
    /// - Parameters:
    ///   - rank: the rank.
    ///   - alpha: the scale times the rank; nil for a scale of 1.
    ///   - targets: the layers to adapt, by suffixes of their paths.
    public init(rank: Int = 64, alpha: Double? = nil, targets: [String] = StudentAdapters.blockLayers) {
        (self.rank, self.alpha, self.targets) = (rank, alpha ?? Double(rank), targets)
    }

    /// The targets of LCM-LoRA (arXiv 2311.05556): all projections and convolutions of the blocks.
    public static let blockLayers = [
        "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "net.0.proj", "net.2", "conv1", "conv2",
        "conv_shortcut", "conv", "time_emb_proj",
    ]

    /// All linear layers and convolutions of Stable Diffusion's networks: those of the blocks, of the timestep's embedding, the first and the last.
    public static let allLayers = blockLayers + ["linear_1", "linear_2", "conv_in", "conv_out"]
}
