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
        adapter = scope.adapter(weightShape: weight.shape)
    }

    /// `[…, inputs]` → `[…, outputs]`; `addend`, of the result's shape, is added.
    public func callAsFunction(_ x: Variable, adding addend: Variable? = nil) -> Variable {
        guard let adapter else { return x.linear(weight: weight.variable, bias: bias?.variable, adding: addend) }
        if adapter.isWorthMerging(rows: x.value.count / weight.shape[1]) {
            return x.linear(weight: adapter.merged(into: weight), bias: bias?.variable, adding: addend)
        }
        return x.linear(weight: weight.variable, bias: bias?.variable, adding: addend) + adapter(x)
    }
}
