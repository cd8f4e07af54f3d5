import Foundation

/// What computes products of Float32 matrices: `TENSOR_PRODUCTS` in the environment, for the whole process.
package enum ProductLibrary: String, CaseIterable, Sendable {
    /// The kernels of this library, which are the faster ones on x86.
    case own
    /// `cblas_sgemm` of the system's BLAS, which on other processors may be: only Accelerate reaches the matrix units of Apple's.
    case blas

    /// The setting. An unknown name ends the process with the list of names, and so does a BLAS that cannot be loaded: falling back to
    /// the other one would falsify measurements, and there is no caller that could handle an error.
    static let chosen: ProductLibrary = {
        guard let name = ProcessInfo.processInfo.environment["TENSOR_PRODUCTS"], !name.isEmpty else { return .own }
        guard let library = ProductLibrary(rawValue: name) else {
            stop("expected \(allCases.map(\.rawValue).joined(separator: " or ")); found \"\(name)\"")
        }
        do {
            if library == .blas { _ = try BLAS.shared() }
        } catch {
            stop("\(error)")
        }
        return library
    }()

    private static func stop(_ reason: String) -> Never {
        FileHandle.standardError.write(Data("TENSOR_PRODUCTS: \(reason)\n".utf8))
        exit(64)
    }
}

extension BLAS {
    /// C[m × n] = A[m × k] · B[k × n] + bias[n] + addend, as ``MatrixProduct`` computes it; false, and nothing done, if a matrix is stored in
    /// a way that BLAS does not read: in fewer bits, or with gaps in both directions.
    func multiply(
        m: Int, n: Int, k: Int, _ a: MatrixView, _ b: MatrixView, bias: Shared<Float>?, addend: Shared<Float>?,
        into c: UnsafeMutablePointer<Float>, stride: Int
    ) -> Bool {
        guard let left = Operand(a, rows: m, columns: k), let right = Operand(b, rows: k, columns: n),
            max(m, n, k, stride) <= Int(Int32.max)
        else { return false }
        followThreadCount()
        let target = SharedMutable(c)
        if bias != nil || addend != nil {
            parallelFor(m, grain: max(1, 65_536 / n)) { rows in
                for row in rows {
                    let sums = target + row * stride
                    if let addend {
                        if addend.pointer != target.pointer { sums.update(from: addend + row * stride, count: n) }
                        if let bias { for j in 0..<n { sums[j] += bias.pointer[j] } }
                    } else if let bias {
                        sums.update(from: bias.pointer, count: n)
                    }
                }
            }
        }
        sgemm(
            Self.rowMajor, Self.transposed(left.isTransposed), Self.transposed(right.isTransposed), Int32(m), Int32(n),
            Int32(k), 1, left.base, left.stride, right.base, right.stride, bias == nil && addend == nil ? 0 : 1, c,
            Int32(stride))
        return true
    }

    /// A matrix as CBLAS reads it: in rows, or transposed.
    private struct Operand {
        let base: UnsafePointer<Float>
        let isTransposed: Bool
        let stride: Int32

        init?(_ view: MatrixView, rows: Int, columns: Int) {
            guard let base = view.storedFloats else { return nil }
            let (rowStride, columnStride) = (view.matrix.row_stride, view.matrix.column_stride)
            self.base = base
            if columnStride == 1, rowStride >= max(columns, 1), let stride = Int32(exactly: rowStride) {
                (isTransposed, self.stride) = (false, stride)
            } else if rowStride == 1, columnStride >= max(rows, 1), let stride = Int32(exactly: columnStride) {
                (isTransposed, self.stride) = (true, stride)
            } else {
                return nil
            }
        }
    }
}
