import Autograd
import DiffusionModels
import Tensor

/// Which weights of the fake score are trained.
public enum FakeScoreWeights: String, CaseIterable, Codable, Sendable {
    /// Low-rank adapters on the teacher's weights, which both networks share.
    case adapters
    /// All weights, initialised as a copy of the teacher's.
    case copy
}

/// The network that is trained to estimate the score of the student's samples: SwiftBrush's "LoRA teacher".
public struct FakeScore: Sendable {
    /// The network, which predicts in the teacher's prediction type.
    public let network: any DenoisingNetwork
    /// The trained parameters. They are frozen except during their own update, so that evaluating the network records no graph.
    public let parameters: ParameterSet
    /// The adapters, if adapters are trained; they can be saved in PEFT's format.
    public let adapters: LowRankAdapterSet?

    /// A fake score whose `parameters` are trained.
    public init(network: any DenoisingNetwork, parameters: ParameterSet) {
        self.init(network: network, parameters: parameters, adapters: nil)
    }

    /// A copy of the teacher, all of whose weights are trained. Its first predictions equal the teacher's, bit for bit.
    public init(copying teacher: any DenoisingNetwork) {
        let parameters = teacher.parameters.copy(trainable: false)
        self.init(network: teacher.over(parameters.scope), parameters: parameters)
    }

    private init(network: any DenoisingNetwork, parameters: ParameterSet, adapters: LowRankAdapterSet?) {
        (self.network, self.parameters, self.adapters) = (network, parameters, adapters)
        parameters.freeze()
    }

    /// The frozen teacher with low-rank adapters on its attention's projections (LoRA, arXiv 2106.09685): both networks share one
    /// copy of the weights. Its first predictions equal the teacher's, bit for bit.
    ///
    /// - Parameters:
    ///   - teacher: the network whose weights are shared.
    ///   - rank: the adapters' rank.
    ///   - alpha: their scale times the rank.
    ///   - targets: the linear layers to adapt, by suffixes of their paths.
    ///   - stream: random numbers for the initial weights.
    ///
    /// Throws `AdapterTargetError` when a target matches no layer, or one that cannot be adapted, and
    /// ``DistillationError/invalidSetting(name:expected:found:)`` for a rank outside 1 to 4096 or an alpha that is not finite.
    public init(
        adapting teacher: any DenoisingNetwork, rank: Int, alpha: Double, targets: [String],
        using stream: inout RandomStream
    ) throws {
        for (name, isValid, expected, found) in [
            ("adapterRank", (1...4096).contains(rank), "1 to 4096", "\(rank)"),
            ("adapterAlpha", Float(alpha).isFinite, "a finite number", "\(alpha)"),
        ] where !isValid {
            throw DistillationError.invalidSetting(name: name, expected: expected, found: found)
        }
        let (network, adapters) = try teacher.adapted(rank: rank, alpha: alpha, targets: targets, using: &stream)
        self.init(network: network, parameters: adapters.parameters, adapters: adapters)
    }
}

extension DistillationConfiguration {
    /// Checks that the settings' adapter targets, those of the fake score and the student, match a teacher's network. Throws
    /// `AdapterTargetError` if they do not.
    public func checkAdapterTargets(on network: any DenoisingNetwork) throws {
        let lists = [fakeScoreWeights == .adapters ? adapterTargets : nil, studentAdapters?.targets]
        for targets in lists.compactMap({ $0 }) {
            let adapters = try LowRankAdapterSet(rank: 1, alpha: 1, targets: targets)
            _ = network.over(network.parameters.scope(adapters: adapters))
            try adapters.checkTargets(in: network.parameters)
        }
    }
}
