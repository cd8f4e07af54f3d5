import Tensor

/// A network, or a part of a model, whose parameters can be exchanged.
public protocol Parameterized: Sendable {
    /// The weights, by the paths of a checkpoint. The default is none.
    var parameters: ParameterSet { get }

    /// The same network over other parameters: those of `scope`, which are found there by their paths. Copies, averages, merged weights
    /// and low-rank adapters are made this way.
    ///
    /// The default is for networks without parameters, and returns `self`.
    func over(_ scope: ParameterScope) -> Self
}

extension Parameterized {
    /// None.
    public var parameters: ParameterSet { ParameterSet() }

    /// The network itself, if it has no parameters.
    public func over(_ scope: ParameterScope) -> Self {
        require(
            parameters.all.isEmpty,
            "\(Self.self).over(_:): expected an implementation, because the network has parameters")
        return self
    }

    /// A copy with the same values, which can be changed and trained independently.
    public func copy(trainable: Bool) -> Self { over(parameters.copy(trainable: trainable).scope) }

    /// The network with parameters that nobody can change: itself if they are read-only, otherwise over a read-only copy, which shares
    /// the memory of the values until they are changed.
    public func readOnly() -> Self {
        let parameters = parameters
        guard !parameters.isReadOnly, parameters.all.contains(where: \.isInitialized) else { return self }
        let copy = parameters.copy(trainable: false)
        copy.makeReadOnly()
        return over(copy.scope)
    }
}
