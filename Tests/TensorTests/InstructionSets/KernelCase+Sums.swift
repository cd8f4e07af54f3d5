import CTensorKernels

private let rows = 7
private let columns = 143
private let x = numbers(rows * columns, seed: 5).map { 3 * $0 }
private let y = numbers(rows * columns, seed: 6)
private let scale = numbers(columns, seed: 7)
private let offset = numbers(columns, seed: 8)

extension KernelCase {
    static let reductions = [
        KernelCase("sum", within: sums) { k -> [Double] in [k.sum(x.count, x)] },
        KernelCase("dot", within: sums) { k -> [Double] in [k.dot(x.count, x, y)] },
        KernelCase("maximum", within: exact) { k -> [Float] in
            [k.maximum(x.count, x), k.maximum(x.count, x.dropLast() + [9])]
        },
        KernelCase("non_finite", within: exact) { k -> [Double] in
            [
                Double(k.non_finite(x.count, x)),
                Double(k.non_finite(x.count, x.map { $0 > 2 ? .infinity : $0 < -2 ? .nan : $0 })),
            ]
        },
        KernelCase("non_finite_words", within: exact) { k -> [Double] in
            let words = x.map { ($0 > 2 ? Float16.infinity : Float16($0)).bitPattern }
            return [Double(k.non_finite_words(words.count, words, 0x7C00))]
        },
        KernelCase("add_columns", within: sums) { k -> [Double] in
            var totals = scale.map(Double.init)
            k.add_columns(rows, columns, x, &totals)
            return totals
        },
    ]

    static let normalizations = [
        KernelCase("softmax", within: elementwise) { k -> [Float] in
            var weights = zeros(x.count)
            k.softmax(rows, columns, x, &weights)
            return weights
        },
        KernelCase("softmax_gradient", within: elementwise) { k -> [Float] in
            var dx = zeros(x.count)
            k.softmax_gradient(rows, columns, x, y, &dx)
            return dx
        },
        KernelCase("layer_norm", within: elementwise) { k -> [Float] in
            var (normal, means, reciprocals) = (zeros(x.count), zeros(rows), zeros(rows))
            k.layer_norm(rows, columns, 1e-5, x, scale, offset, &normal, &means, &reciprocals)
            return normal + means + reciprocals
        },
        KernelCase("layer_norm_gradient", within: elementwise) { k -> [Double] in
            var dx = zeros(x.count)
            var (scaleGradient, offsetGradient) = ([Double](repeating: 0, count: columns), offset.map(Double.init))
            let (means, reciprocals) = (numbers(rows, seed: 9), numbers(rows, seed: 10).map { abs($0) + 0.5 })
            k.layer_norm_gradient(
                rows, columns, x, y, scale, means, reciprocals, &dx, &scaleGradient, &offsetGradient)
            return dx.map(Double.init) + scaleGradient + offsetGradient
        },
        KernelCase("channel_sums", within: sums) { k -> [Double] in
            var (totals, products) = (scale.map(Double.init), offset.map(Double.init))
            k.channel_sums(rows, columns, x, y, &totals, &products)
            return totals + products
        },
        KernelCase("channel_affine", within: elementwise) { k -> [Float] in
            [-1, Int32(tensor_unary_silu)].flatMap { operation in
                var result = zeros(x.count)
                k.channel_affine(rows, columns, x, scale, offset, operation, &result)
                return result
            }
        },
        KernelCase("channel_affine_gradient", within: elementwise) { k -> [Float] in
            var dx = zeros(x.count)
            k.channel_affine_gradient(rows, columns, x, y, scale, offset, numbers(columns, seed: 11), &dx)
            return dx
        },
    ]
}
