import Tensor

/// The value of a function of tensors and its gradients.
///
/// - Parameters:
///   - inputs: where the function is evaluated.
///   - function: maps the inputs to a scalar.
/// - Returns: the value, and one gradient per input, zero where the value does not depend on it.
public func valueAndGradient(
    at inputs: [Tensor], of function: ([Variable]) throws -> Variable
) rethrows -> (value: Tensor, gradients: [Tensor]) {
    let leaves = inputs.map { Variable.trainable($0) }
    let value = try function(leaves)
    require(value.value.count == 1, "valueAndGradient: expected a scalar, found the shape \(value.shape)")
    value.backward()
    return (value.value, leaves.map { $0.gradient ?? .zeros($0.shape) })
}
