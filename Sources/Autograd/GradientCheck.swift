import Tensor

/// Compares gradients of the backward pass with directional finite differences; needs no test framework.
///
/// f is the dot product of the function's outputs with a fixed random weight, computed in Double. For random directions v, the derivative
/// of f(x + h v) at h = 0 is estimated by central differences at h and h/2 with one Richardson step and compared with ⟨∇f, v⟩.
public struct GradientCheck: Sendable {
    /// The result of a check.
    public struct Report: CustomStringConvertible, Sendable {
        /// max |finite difference − ⟨∇f, v⟩| / |∇f| over all directions; |∇f| is the typical size of a directional derivative.
        public let worstError: Double
        /// The directional derivatives, by finite differences and by the backward pass.
        public let derivatives: [(differences: Double, backward: Double)]

        /// The worst error, then one line per direction.
        public var description: String {
            let lines = derivatives.map { "differences \($0.differences), backward \($0.backward)" }
            return "worst relative error \(worstError)\n" + lines.joined(separator: "\n")
        }
    }

    /// The step h of the finite differences; in Float32 the error is smallest near the cube root of the precision.
    public var step: Float = 0.02
    /// The number of random directions.
    public var directions = 4

    /// A check with the default step.
    public init() {}

    /// Checks the gradient of `function` with respect to every input.
    ///
    /// - Parameters:
    ///   - inputs: the point at which the gradient is checked.
    ///   - seed: the seed of the random directions and of the random weight on the outputs.
    ///   - function: called with trainable variables of the inputs' shapes; must be smooth near them.
    public func run(at inputs: [Tensor], seed: UInt64 = 0, _ function: ([Variable]) -> Variable) -> Report {
        var stream = RandomStream(seed: seed)
        let leaves = inputs.map { Variable.trainable($0) }
        let output = function(leaves)
        let weight = stream.normal(output.shape)
        output.backward(from: weight)
        let norm = leaves.reduce(0.0) { $0 + ($1.gradient?.squaredNorm() ?? 0) }.squareRoot()
        var worst = 0.0
        var derivatives: [(differences: Double, backward: Double)] = []
        for _ in 0..<directions {
            var direction = inputs.map { stream.normal($0.shape) }
            let length = direction.reduce(0.0) { $0 + $1.squaredNorm() }.squareRoot()
            let size = Float(Double(inputs.reduce(0) { $0 + $1.count }).squareRoot() / length)
            direction = direction.map { $0 * size }
            func slope(_ h: Float) -> Double {
                func weighted(_ sign: Float) -> Tensor {
                    function(zip(inputs, direction).map { Variable($0 + $1 * (sign * h)) }).value
                }
                return (weighted(1) - weighted(-1)).dot(weight) / Double(2 * h)
            }
            let differences = (4 * slope(step / 2) - slope(step)) / 3
            let backward = zip(leaves, direction).reduce(0.0) { $0 + ($1.0.gradient?.dot($1.1) ?? 0) }
            derivatives.append((differences, backward))
            worst = max(worst, abs(differences - backward) / max(norm, 1e-12))
        }
        return Report(worstError: worst, derivatives: derivatives)
    }
}
