import Foundation
import Tensor

extension Variable {
    /// ln(1 + eˣ) of each element, without overflow.
    public func softplus() -> Variable {
        let x = value
        let output = Tensor(shape: x.shape) { target in
            x.withUnsafeScalars { source in
                for i in source.indices { target[i] = max(source[i], 0) + log1p(Foundation.exp(-abs(source[i]))) }
            }
        }
        return Variable.record(output, from: [self]) { [$0 * x.sigmoid()] }
    }
}
