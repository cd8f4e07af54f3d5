import Tensor

extension Parameterized {
    /// The same network with low-rank adapters on its weights, which both share. Its first outputs equal this network's, bit for bit.
    ///
    /// - Parameters:
    ///   - rank: the adapters' rank.
    ///   - alpha: their scale times the rank.
    ///   - targets: the layers to adapt, by suffixes of their paths.
    ///   - stream: random numbers for the initial weights.
    ///
    /// Throws `AdapterTargetError` when a target matches no layer, or one that cannot be adapted, and `AutogradError` for a rank out of range
    /// or an alpha that is not finite.
    package func adapted(
        rank: Int, alpha: Double, targets: [String], using stream: inout RandomStream
    ) throws -> (network: Self, adapters: LowRankAdapterSet) {
        let adapters = try LowRankAdapterSet(rank: rank, alpha: Float(alpha), targets: targets)
        let network = over(parameters.scope(adapters: adapters))
        try adapters.checkTargets(in: parameters)
        adapters.parameters.initialize(using: &stream)
        return (network, adapters)
    }
}

extension ParameterSet {
    /// The number of weights of the adapters of a network with these parameters, before they are made: A and B of each target.
    package func adapterCount(rank: Int, targets: [String]) -> Int {
        all.reduce(0) { sum, parameter in
            let path = parameter.path
            let isAdapted = targets.contains { path == "\($0).weight" || path.hasSuffix(".\($0).weight") }
            guard isAdapted, parameter.shape.count > 1 else { return sum }
            return sum + rank * (parameter.shape[0] + parameter.shape.dropFirst().reduce(1, *))
        }
    }
}
