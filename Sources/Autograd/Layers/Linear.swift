import Tensor

/// y = x · Wᵀ + b, and the low-rank adapter's share when its scope has one.
public struct Linear {
    /// `[outputs, inputs]`.
    public let weight: Parameter
    /// `[outputs]`.
    public let bias: Parameter?
    /// What is added beside the weight, nil without an adapter.
    public let adapter: LowRankAdapter?

    /// A layer whose parameters are `weight` and `bias` of `scope`.
    public init(inputs: Int, outputs: Int, hasBias: Bool = true, in scope: ParameterScope) {
        let start = Initializer.kaimingUniform(fanIn: inputs)
        weight = scope.parameter("weight", shape: [outputs, inputs], initializer: start)
        bias = hasBias ? scope.parameter("bias", shape: [outputs], initializer: start) : nil
        adapter = scope.linearAdapter(inputs: inputs, outputs: outputs)
    }

    /// `[…, inputs]` → `[…, outputs]`; `addend`, of the result's shape, is added.
    public func callAsFunction(_ x: Variable, adding addend: Variable? = nil) -> Variable {
        let y = x.linear(weight: weight.variable, bias: bias?.variable, adding: addend)
        return adapter.map { y + $0(x) } ?? y
    }
}
