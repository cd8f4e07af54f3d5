import Tensor

/// A linear layer, y = x · Wᵀ + b, plus the output of a low-rank adapter when its scope has one.
public struct Linear: Sendable {
    /// The weight, `[outputs, inputs]`.
    public let weight: Parameter
    /// The bias, `[outputs]`, nil without one.
    public let bias: Parameter?
    /// The low-rank adapter, nil without one.
    public let adapter: LowRankAdapter?

    /// A layer whose parameters are `weight` and `bias` of `scope`.
    public init(inputs: Int, outputs: Int, hasBias: Bool = true, in scope: ParameterScope) {
        let start = Initializer.kaimingUniform(fanIn: inputs)
        weight = scope.productWeight(shape: [outputs, inputs], initializer: start)
        bias = hasBias ? scope.parameter("bias", shape: [outputs], initializer: start) : nil
        adapter = scope.adapter(weightShape: weight.shape)
    }

    /// Applies the layer, `[…, inputs]` → `[…, outputs]`, and adds `addend`, which has the result's shape.
    public func callAsFunction(_ x: Variable, adding addend: Variable? = nil) -> Variable {
        guard let adapter else { return x.linear(weight: weight.variable, bias: bias?.variable, adding: addend) }
        if adapter.isWorthMerging(rows: x.value.count / weight.shape[1]) {
            return x.linear(weight: adapter.merged(into: weight), bias: bias?.variable, adding: addend)
        }
        return x.linear(weight: weight.variable, bias: bias?.variable, adding: addend) + adapter(x)
    }
}
