import CTensorKernels

extension KernelCase {
    /// The width of the panels differs between instruction sets, so packed matrices are compared by their products.
    static let matrixProducts: [KernelCase] = [
        product("float32 rows", .rows) { $0.map(\.bitPattern) },
        product("float32 columns", .columns) { $0.map(\.bitPattern) },
        product("float32 scattered", .scattered) { $0.map(\.bitPattern) },
        product("float16 rows", .rows) { $0.map { Float16($0).bitPattern } },
        product("float16 columns", .columns) { $0.map { Float16($0).bitPattern } },
        product("bfloat16 rows", .rows, scalar: tensor_scalar_bfloat16) { brains($0) },
        product("bfloat16 columns", .columns, scalar: tensor_scalar_bfloat16) { brains($0) },
        product("int8 rows", .rows, scalar: tensor_scalar_int8) { bytes($0) },
        product("int8 columns", .columns, scalar: tensor_scalar_int8) { bytes($0) },
        product("int8 scattered", .scattered, scalar: tensor_scalar_int8) { bytes($0) },
        KernelCase("multiply, left operand transposed, with bias and addend", within: products) { k -> [Float] in
            let b = packed(k, numbers(depth * width, seed: 13), rows: depth, columns: width)
            return multiply(
                k, m: height, n: width, k: depth, left, transposed: true, b, bias: numbers(width, seed: 14),
                addend: numbers(height * width, seed: 15))
        },
        KernelCase("gather_patches", within: exact) { k -> [Float] in
            [(1, 1, false), (2, 1, false), (1, 2, false), (2, 1, true)].flatMap { stride, upsampling, transposed in
                var geometry = tensor_patch_geometry(
                    source_height: 6, source_width: 7, channels: 5, target_height: 5, target_width: 4, kernel_height: 3,
                    kernel_width: 3, stride: stride, padding_top: 1, padding_left: 1, upsampling: upsampling,
                    transposed: transposed)
                var patches = zeros(18 * 7 * 5)
                k.gather_patches(&geometry, numbers(6 * 7 * 5, seed: 16), 1, 18, 2, 7, &patches)
                return patches
            }
        },
    ]

    private static let (height, width, depth) = (29, 45, 401)
    private static let left = numbers(height * depth, seed: 12)

    /// A right-hand matrix packed into a table's panels.
    static func packed(_ k: tensor_kernels, _ matrix: [Float], rows: Int, columns: Int) -> [Float] {
        let panel = k.highest.panel_width
        var result = zeros((columns + panel - 1) / panel * panel * rows)
        matrix.withUnsafeBufferPointer { numbers in
            var view = tensor_matrix(
                base: numbers.baseAddress, scalar: Int32(tensor_scalar_float32), row_stride: columns, column_stride: 1,
                scales: nil, row_scale: 0, column_scale: 0)
            k.highest.pack(&view, rows, columns, &result)
        }
        return result
    }

    /// left[m × k] · panels + bias + addend; the left operand is stored by columns if it is transposed.
    static func multiply(
        _ table: tensor_kernels, m: Int, n: Int, k: Int, _ left: [Float], transposed: Bool = false, _ panels: [Float],
        bias: [Float]? = nil, addend: [Float]? = nil
    ) -> [Float] {
        var result = zeros(m * n)
        result.withUnsafeMutableBufferPointer { result in
            left.withUnsafeBufferPointer { left in
                panels.withUnsafeBytes { panels in
                    withOptional(bias) { bias in
                        withOptional(addend) { addend in
                            var product = tensor_product(
                                rows: m, columns: n, depth: k, left: left.baseAddress,
                                left_row_stride: transposed ? 1 : k, left_column_stride: transposed ? m : 1,
                                panels: panels.baseAddress, panel_rows: k, bias: bias, addend: addend,
                                result: result.baseAddress, result_stride: n)
                            table.highest.multiply(&product)
                        }
                    }
                }
            }
        }
        return result
    }

    private static func withOptional(_ numbers: [Float]?, _ body: (UnsafePointer<Float>?) -> Void) {
        if let numbers { numbers.withUnsafeBufferPointer { body($0.baseAddress) } } else { body(nil) }
    }

    /// The layout of a matrix in memory.
    private enum Layout {
        case rows, columns, scattered
    }

    /// A product whose right-hand matrix is stored as `store` makes it.
    private static func product<Word: Sendable>(
        _ name: String, _ layout: Layout, scalar: Int? = nil, _ store: @escaping @Sendable ([Float]) -> [Word]
    ) -> KernelCase {
        KernelCase("pack \(name) and multiply", within: products) { k -> [Float] in
            let spread = layout == .scattered ? 2 : 1
            let stored = store(numbers(spread * depth * width, seed: 13))
            let type = scalar ?? (MemoryLayout<Word>.size == 4 ? tensor_scalar_float32 : tensor_scalar_float16)
            let panel = k.highest.panel_width
            var packed = zeros((width + panel - 1) / panel * panel * depth)
            let factors = numbers(max(depth, width), seed: 17).map { abs($0) / 127 }
            stored.withUnsafeBufferPointer { numbers in
                factors.withUnsafeBufferPointer { scales in
                    var view = tensor_matrix(
                        base: numbers.baseAddress, scalar: Int32(type),
                        row_stride: layout == .columns ? 1 : spread * width,
                        column_stride: layout == .columns ? depth : spread, scales: scales.baseAddress,
                        row_scale: layout == .columns ? 0 : 1, column_scale: layout == .columns ? 1 : 0)
                    k.highest.pack(&view, depth, width, &packed)
                }
            }
            return multiply(k, m: height, n: width, k: depth, left, packed)
        }
    }
}
