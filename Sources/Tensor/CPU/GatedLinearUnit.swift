import CTensorKernels

extension Tensor {
    /// The gated linear unit of GEGLU (arXiv 2002.05202) as diffusers lays it out: `[…, 2c]` → `[…, c]`, the first half
    /// times the GELU of the second.
    public func geglu() -> Tensor {
        let width = gegluWidth
        let result = Tensor(uninitialized: shape.dropLast() + [width])
        let rows = result.count / max(width, 1)
        let x = Shared(self)
        let y = SharedMutable(result.storage.base)
        parallelFor(rows, grain: max(1, 16_384 / max(width, 1))) { range in
            kernels.geglu(range.count, width, x + range.lowerBound * 2 * width, y + range.lowerBound * width)
        }
        return result
    }

    /// The gradient of ``geglu()`` with respect to this input, given the gradient of its output.
    package func gegluGradient(outputGradient: Tensor) -> Tensor {
        let width = gegluWidth
        let result = Tensor(uninitialized: shape)
        let rows = outputGradient.count / max(width, 1)
        let x = Shared(self)
        let dy = Shared(outputGradient)
        let dx = SharedMutable(result.storage.base)
        parallelFor(rows, grain: max(1, 16_384 / max(width, 1))) { range in
            let i = range.lowerBound
            kernels.geglu_gradient(range.count, width, x + i * 2 * width, dy + i * width, dx + i * 2 * width)
        }
        return result
    }

    private var gegluWidth: Int {
        guard let width = shape.last, width % 2 == 0 else {
            fatalError("geglu: expected an even last extent, found shape \(shape)")
        }
        return width / 2
    }
}
