import Tensor

/// A matrix or kernel of an adapter file, stored whole or as the product of smaller ones, which is computed when it is merged.
enum LowRankFactor: Sendable {
    /// `[outputs, inputs]`, or `[outputs, inputs, height, width]`.
    case whole(Tensor)
    /// up · down: `[outputs, rank]` and `[rank, inputs]`. Of a convolution, `inputs` includes the places of the kernel.
    case product(up: Tensor, down: Tensor)
    /// A kernel `[rank, rank, height, width]` between `[rank, outputs]` and `[rank, inputs]` (LyCORIS's Tucker decomposition).
    case core(Tensor, up: Tensor, down: Tensor)

    /// The rank; nil for a whole matrix.
    var rank: Int? {
        switch self {
        case .whole: nil
        case .product(_, let down): down.shape[0]
        case .core(let core, _, _): core.shape[0]
        }
    }

    /// The shape of the product.
    var shape: [Int] {
        switch self {
        case .whole(let tensor): tensor.shape
        case .product(let up, let down): [up.shape[0], down.shape[1]]
        case .core(let core, let up, let down): [up.shape[1], down.shape[1]] + core.shape.suffix(2)
        }
    }

    /// The numbers stored.
    var count: Int {
        switch self {
        case .whole(let tensor): tensor.count
        case .product(let up, let down): up.count + down.count
        case .core(let core, let up, let down): core.count + up.count + down.count
        }
    }

    /// The product as a matrix: one row per output.
    var matrix: Tensor {
        switch self {
        case .whole(let tensor): return tensor.reshaped(to: [tensor.shape[0], -1])
        case .product(let up, let down): return up.matmul(down)
        case .core(let core, let up, let down):
            let inner = core.composed(with: down.reshaped(to: down.shape + [1, 1]))
            return up.transposed([1, 0]).matmul(inner.reshaped(to: [core.shape[0], -1]))
        }
    }
}

extension Tensor {
    /// The kernel of a 1×1 convolution by `inner` followed by this one: `[middle, inputs, 1, 1]` and then
    /// `[outputs, middle, height, width]` give `[outputs, inputs, height, width]`.
    func composed(with inner: Tensor) -> Tensor {
        let (outputs, middle, area) = (shape[0], shape[1], shape[2] * shape[3])
        let places = reshaped(to: [outputs, middle, area]).transposed([0, 2, 1]).reshaped(to: [outputs * area, middle])
        let product = places.matmul(inner.reshaped(to: [middle, inner.shape[1]]))
        return product.reshaped(to: [outputs, area, inner.shape[1]]).transposed([0, 2, 1])
            .reshaped(to: [outputs, inner.shape[1], shape[2], shape[3]])
    }

    /// The Kronecker product of two matrices.
    func kronecker(_ other: Tensor) -> Tensor {
        let (rows, columns) = (shape[0] * other.shape[0], shape[1] * other.shape[1])
        return reshaped(to: [count, 1]).matmul(other.reshaped(to: [1, other.count]))
            .reshaped(to: shape + other.shape).transposed([0, 2, 1, 3]).reshaped(to: [rows, columns])
    }
}
