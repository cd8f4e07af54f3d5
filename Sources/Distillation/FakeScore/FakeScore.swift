import Autograd
import DiffusionModels
import Tensor

/// What of the fake score is trained.
public enum FakeScoreWeights: String, CaseIterable, Codable, Sendable {
    /// Low-rank adapters beside the teacher's weights, which both share.
    case adapters
    /// All weights, which start as a copy of the teacher's.
    case copy
}

/// The network that learns the score of what the student draws: SwiftBrush's "LoRA teacher".
public struct FakeScore {
    /// Predicts in the teacher's prediction type.
    public let network: any DenoisingNetwork
    /// What is trained of it. Frozen except during its own turn, so that judging records no graph.
    public let parameters: ParameterSet
    /// The adapters, if what is trained are adapters; they can be saved as PEFT's.
    public let adapters: LowRankAdapterSet?

    /// A fake score of which `parameters` are trained.
    public init(network: any DenoisingNetwork, parameters: ParameterSet) {
        self.init(network: network, parameters: parameters, adapters: nil)
    }

    /// A copy of the teacher, all of which is trained. A new one judges as the teacher does, bit for bit.
    public init(copying teacher: UNet2DConditionModel) {
        let parameters = teacher.parameters.copy(trainable: false)
        self.init(
            network: UNet2DConditionModel(teacher.configuration, in: parameters.scope), parameters: parameters)
    }

    private init(network: any DenoisingNetwork, parameters: ParameterSet, adapters: LowRankAdapterSet?) {
        (self.network, self.parameters, self.adapters) = (network, parameters, adapters)
        parameters.freeze()
    }

    /// The frozen teacher with low-rank adapters beside its attention's projections (LoRA, arXiv 2106.09685): one copy of
    /// the big weights serves both. A new one judges as the teacher does, bit for bit.
    ///
    /// - Parameters:
    ///   - teacher: whose weights are shared.
    ///   - rank: the adapters' inner width.
    ///   - alpha: their scale times the rank.
    ///   - targets: which linear layers are adapted, by the ends of their paths.
    ///   - stream: of the random starts.
    ///
    /// Throws `AdapterTargetError` when a target fits no layer, or one that carries no adapter, and
    /// ``DistillationError/invalidSetting(name:expected:found:)`` for a rank below 1 or an alpha that is not finite.
    public init(
        adapting teacher: UNet2DConditionModel, rank: Int, alpha: Double, targets: [String],
        using stream: inout RandomStream
    ) throws {
        for (name, isValid, expected, found) in [
            ("adapterRank", rank >= 1, "at least 1", "\(rank)"),
            ("adapterAlpha", Float(alpha).isFinite, "a finite number", "\(alpha)"),
        ] where !isValid {
            throw DistillationError.invalidSetting(name: name, expected: expected, found: found)
        }
        let adapters = LowRankAdapterSet(rank: rank, alpha: Float(alpha), targets: targets)
        let network = UNet2DConditionModel(
            teacher.configuration, in: teacher.parameters.scope(adapters: adapters))
        try adapters.checkTargets(in: teacher.parameters)
        adapters.parameters.initialize(using: &stream)
        self.init(network: network, parameters: adapters.parameters, adapters: adapters)
    }
}

extension DistillationConfiguration {
    /// Checks, before any work, that the settings' adapters fit a teacher's network. Throws `AdapterTargetError` where they do not.
    public func checkAdapterTargets(on network: UNet2DConditionModel) throws {
        guard fakeScoreWeights == .adapters else { return }
        let adapters = LowRankAdapterSet(rank: 1, alpha: 1, targets: adapterTargets)
        _ = UNet2DConditionModel(network.configuration, in: network.parameters.scope(adapters: adapters))
        try adapters.checkTargets(in: network.parameters)
    }
}
