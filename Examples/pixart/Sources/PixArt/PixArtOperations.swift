import Autograd
import Tensor

extension Variable {
    /// Layer normalisation over the last axis without weights.
    func normalized() -> Variable {
        let width = shape[shape.count - 1]
        return layerNorm(scale: Variable(.ones([width])), offset: Variable(.zeros([width])), epsilon: 1e-6)
    }

    /// GELU in its approximation by tanh (arXiv 1606.08415): ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
    func approximateGELU() -> Variable {
        let inner = (self + self * squared() * 0.044715) * Float((2 / Double.pi).squareRoot())
        return self * (inner.tanh() + 1) * 0.5
    }
}
