import COpenBLAS
import CTensorKernels

/// A matrix inside a larger array: element (i, j) lies at `base[i · rowStride + j · columnStride]`, one of the strides 1.
package struct MatrixView {
    let base: UnsafePointer<Float>
    let rowStride: Int
    let columnStride: Int

    /// Row-major rows `stride` apart; `transposed` reads it the other way round.
    package init(_ base: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
        self.base = base
        rowStride = transposed ? 1 : stride
        columnStride = transposed ? stride : 1
    }
}

/// C = A · B, the one way to multiply matrices here.
package enum MatrixProduct {
    /// Whether OpenBLAS is the faster one: large products whose inner extent fills its blocks.
    private static func isWorkForBLAS(m: Int, n: Int, k: Int) -> Bool {
        k >= 512 && n >= 256 && m * n * k >= 1 << 26
    }

    /// C[m × n] (+)= A[m × k] · B[k × n] + bias[n], on all threads; not to be called inside a parallel region.
    package static func multiply(
        m: Int, n: Int, k: Int, _ a: MatrixView, _ b: MatrixView, bias: UnsafePointer<Float>? = nil,
        accumulate: Bool = false, into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        guard m > 0, n > 0 else { return }
        if isWorkForBLAS(m: m, n: n, k: k), bias == nil || !accumulate {
            if let bias {
                for row in 0..<m { (c + row * stride).update(from: bias, count: n) }
            }
            multiplyWithBLAS(m: m, n: n, k: k, a, b, accumulate: accumulate || bias != nil, into: c, stride: stride)
            return
        }
        let panel = kernels.panel_width
        let panels = (n + panel - 1) / panel
        withScratch(panels * panel * k) { packed in
            let packedB = SharedMutable(packed)
            let right = Shared(b.base)
            let transposed = b.columnStride != 1
            let bStride = transposed ? b.columnStride : b.rowStride
            parallelFor(panels, grain: max(1, 32_768 / max(panel * k, 1))) { range in
                let first = range.lowerBound * panel
                kernels.pack(
                    k, min(n, range.upperBound * panel) - first, right + (transposed ? first * bStride : first),
                    bStride, transposed, packedB + first * k)
            }
            multiplyPacked(m: m, n: n, k: k, a, packed, bias: bias, accumulate: accumulate, into: c, stride: stride)
        }
    }

    /// The same with B packed before by `kernels.pack`, row blocks in parallel.
    private static func multiplyPacked(
        m: Int, n: Int, k: Int, _ a: MatrixView, _ packed: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
        accumulate: Bool, into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        let panel = kernels.panel_width
        let strip = kernels.strip_height
        let rows = max(1, min(16, m / (8 * strip))) * strip
        let columns = (512 / panel) * panel
        let columnBlocks = (n + columns - 1) / columns
        let rowBlocks = (m + rows - 1) / rows
        let left = Shared(a.base)
        let right = Shared(packed)
        let shift = bias.map { Shared($0) }
        let target = SharedMutable(c)
        let (aRow, aColumn) = (a.rowStride, a.columnStride)
        parallelFor(rowBlocks * columnBlocks, grain: 1) { range in
            for task in range {
                let row = task / columnBlocks * rows
                let column = task % columnBlocks * columns
                kernels.multiply(
                    min(rows, m - row), min(columns, n - column), k, left + row * aRow, aRow, aColumn,
                    right + column * k, k, shift.map { $0 + column }, accumulate, target + (row * stride + column),
                    stride)
            }
        }
    }

    private static func multiplyWithBLAS(
        m: Int, n: Int, k: Int, _ a: MatrixView, _ b: MatrixView, accumulate: Bool,
        into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        openblas_set_num_threads(Int32(ThreadPool.threadCount))
        let aTransposed = a.columnStride != 1
        let bTransposed = b.columnStride != 1
        cblas_sgemm(
            CblasRowMajor, aTransposed ? CblasTrans : CblasNoTrans, bTransposed ? CblasTrans : CblasNoTrans,
            Int32(m), Int32(n), Int32(k), 1, a.base, Int32(aTransposed ? a.columnStride : a.rowStride),
            b.base, Int32(bTransposed ? b.columnStride : b.rowStride), accumulate ? 1 : 0, c, Int32(stride))
    }

    /// C[m × n] (+)= A · B on the calling thread, for use inside parallel regions.
    /// `scratch` holds ``scratchCount(n:k:)`` numbers.
    package static func multiplyOnThisThread(
        m: Int, n: Int, k: Int, _ a: MatrixView, _ b: MatrixView, accumulate: Bool,
        into c: UnsafeMutablePointer<Float>, stride: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        let transposed = b.columnStride != 1
        kernels.pack(k, n, b.base, transposed ? b.columnStride : b.rowStride, transposed, scratch)
        kernels.multiply(
            m, n, k, a.base, a.rowStride, a.columnStride, scratch, k, nil, accumulate, c, stride)
    }

    /// Numbers of scratch that a right-hand matrix of k × n needs.
    package static func scratchCount(n: Int, k: Int) -> Int {
        let panel = kernels.panel_width
        return (n + panel - 1) / panel * panel * k
    }
}
