import Tensor

/// The formula of a layer's change ΔW, before its scale.
enum LowRankForm: Sendable {
    /// LoRA (arXiv 2106.09685): up · down, `[outputs, rank]` and `[rank, inputs]`, or for a convolution `[outputs, rank, 1, 1]` and
    /// `[rank, inputs, height, width]`.
    case product(up: Tensor, down: Tensor)
    /// LoHa (FedPara, arXiv 2108.06098): the elementwise product of two matrices.
    case hadamard(LowRankFactor, LowRankFactor)
    /// LoKr (LyCORIS, arXiv 2309.14859): the Kronecker product of two matrices.
    case kronecker(LowRankFactor, LowRankFactor)
    /// The difference of the weights itself.
    case difference(Tensor)

    /// The name of the kind.
    var name: String {
        switch self {
        case .product: "LoRA"
        case .hadamard: "LoHa"
        case .kronecker: "LoKr"
        case .difference: "full difference"
        }
    }

    /// The rank by which alpha is divided; nil if the file stores no matrix of it.
    var rank: Int? {
        switch self {
        case .product(_, let down): down.shape[0]
        case .hadamard(let first, _): first.rank
        case .kronecker(let first, let second): second.rank ?? first.rank
        case .difference: nil
        }
    }

    /// The numbers stored.
    var count: Int {
        switch self {
        case .product(let up, let down): up.count + down.count
        case .hadamard(let first, let second), .kronecker(let first, let second): first.count + second.count
        case .difference(let tensor): tensor.count
        }
    }

    /// The shape of the change. Of convolutions, some files keep `[outputs, inputs · height · width]`.
    var shape: [Int] {
        switch self {
        case .product(let up, let down): return [up.shape[0]] + down.shape.dropFirst()
        case .hadamard(let first, _): return first.shape
        case .kronecker(let first, let second):
            let (a, b) = (first.shape, second.shape)
            return [a[0] * b[0], a[1] * b[1]] + b.dropFirst(2)
        case .difference(let tensor): return tensor.shape
        }
    }

    /// Whether the change belongs to a weight of this shape. A 1×1 convolution is equivalent to a linear layer.
    func fits(_ weight: [Int]) -> Bool {
        let shape = shape
        if shape.withoutPointKernel == weight.withoutPointKernel { return true }
        if case .product = self { return false }
        return weight.count == 4 && shape.count == 2 && shape[0] == weight[0]
            && shape[1] == weight.dropFirst().reduce(1, *)
    }

    /// The change of a weight of this shape, which fits.
    func change(of weight: [Int]) -> Tensor {
        let change =
            switch self {
            case .product(let up, let down):
                up.reshaped(to: [-1, down.shape[0]]).matmul(down.reshaped(to: [down.shape[0], -1]))
            case .hadamard(let first, let second): first.matrix * second.matrix
            case .kronecker(let first, let second): first.matrix.kronecker(second.matrix)
            case .difference(let tensor): tensor
            }
        return change.reshaped(to: weight)
    }
}

extension [Int] {
    /// The shape without a trailing 1×1 kernel: a 1×1 convolution as the equivalent linear layer.
    fileprivate var withoutPointKernel: [Int] { count == 4 && suffix(2) == [1, 1] ? Array(prefix(2)) : self }
}
