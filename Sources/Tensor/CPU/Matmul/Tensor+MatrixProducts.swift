import CTensorKernels

extension Tensor {
    /// The matrix product of the last two axes, `[…, m, k] · […, k, n] → […, m, n]`.
    ///
    /// Either both tensors have the same leading axes, or the right one is a single matrix by which every row of the left one is
    /// multiplied. A transposed operand is read as its transpose over the last two axes, without a copy.
    public func matmul(_ other: Tensor, transposingSelf: Bool = false, transposingOther: Bool = false) -> Tensor {
        require(rank >= 2 && other.rank >= 2, "matmul: expected matrices, found \(shape) and \(other.shape)")
        if other.rank == 2, rank > 2, !transposingSelf {
            let flat = reshaped(to: [-1, shape[rank - 1]])
            let product = flat.matmul(other, transposingOther: transposingOther)
            return product.reshaped(to: shape.dropLast() + [product.shape[1]])
        }
        let (rows, columns) = (shape[rank - 2], shape[rank - 1])
        let (otherRows, otherColumns) = (other.shape[other.rank - 2], other.shape[other.rank - 1])
        let (m, k) = transposingSelf ? (columns, rows) : (rows, columns)
        let (inner, n) = transposingOther ? (otherColumns, otherRows) : (otherRows, otherColumns)
        let batchShape = Array(shape.dropLast(2))
        require(
            k == inner && batchShape == Array(other.shape.dropLast(2)),
            "matmul: shapes \(shape)\(transposingSelf ? "ᵀ" : "") and \(other.shape)\(transposingOther ? "ᵀ" : "") do not fit"
        )
        guard scalarType == .float32 else {
            return widened().matmul(other, transposingSelf: transposingSelf, transposingOther: transposingOther)
        }
        let result = Tensor(uninitialized: batchShape + [m, n])
        let target = result.storage.base
        let batch = batchShape.reduce(1, *)
        let product = MatrixProduct.current
        if batch == 1 || product.blas != nil {
            for i in 0..<batch {
                product.multiply(
                    m: m, n: n, k: k,
                    MatrixView(self, offset: i * m * k, stride: columns, transposed: transposingSelf),
                    MatrixView(other, offset: i * k * n, stride: otherColumns, transposed: transposingOther),
                    into: target + i * m * n, stride: n)
            }
            return result
        }
        let c = SharedMutable(target)
        let grain = max(1, 65_536 / max(m * n * k, 1))
        let scratchCount = scratchCount(product.scratchBytes(m: m, n: n, k: k))
        parallelFor(batch, grain: grain, scratch: scratchCount) { range, scratch in
            for i in range {
                product.multiplyOnThisThread(
                    m: m, n: n, k: k,
                    MatrixView(self, offset: i * m * k, stride: columns, transposed: transposingSelf),
                    MatrixView(other, offset: i * k * n, stride: otherColumns, transposed: transposingOther),
                    accumulate: false, into: c + i * m * n, stride: n, scratch: scratch)
            }
        }
        return result
    }

    /// x · weightᵀ + bias + addend, `[…, inputs]` → `[…, outputs]`, for PyTorch's weight of shape `[outputs, inputs]`.
    ///
    /// `addend`, such as a residual connection, has the result's shape and is added in the same pass over memory.
    public func linear(weight: Tensor, bias: Tensor?, adding addend: Tensor? = nil) -> Tensor {
        let resultShape = Array(shape.dropLast()) + weight.shape.prefix(1)
        guard let width = shape.last, weight.rank == 2, weight.shape[1] == width,
            bias.map({ $0.shape == [weight.shape[0]] }) ?? true, addend.map({ $0.shape == resultShape }) ?? true
        else {
            fatalError(
                "linear: input \(shape), weight \(weight.shape), bias \(bias?.shape ?? []) and addend "
                    + "\(addend?.shape ?? []) do not fit")
        }
        guard scalarType == .float32 else { return widened().linear(weight: weight, bias: bias, adding: addend) }
        let outputs = weight.shape[0]
        let rows = count / max(width, 1)
        let result = Tensor(uninitialized: resultShape)
        let product = MatrixProduct.current
        product.multiply(
            m: rows, n: outputs, k: width, MatrixView(self, stride: width),
            MatrixView(weight: weight, rows: rows, of: product), bias: bias.map { Shared($0) },
            addend: addend.map { Shared($0) },
            into: result.storage.base, stride: outputs)
        return result
    }
}
