import CTensorKernels

/// Not a multiple of any vector's length.
private let count = 1003

extension KernelCase {
    static let elementwiseCases: [KernelCase] =
        unaries + gradients + binaries + [
            KernelCase("clamp", within: exact) { k -> [Float] in
                var y = zeros(count)
                k.clamp(count, -0.5, 0.25, x, &y)
                return y
            },
            KernelCase("geglu", within: elementwise) { k -> [Float] in
                var y = zeros(count / 34 * 17)
                k.geglu(count / 34, 17, x, &y)
                return y
            },
            KernelCase("geglu_gradient", within: elementwise) { k -> [Float] in
                var dx = zeros(count / 34 * 34)
                k.geglu_gradient(count / 34, 17, x, other, &dx)
                return dx
            },
            KernelCase("add_scaled", within: elementwise) { k -> [Float] in
                var y = other
                k.add_scaled(count, 0.7, x, &y)
                return y
            },
            KernelCase("interpolate", within: elementwise) { k -> [Float] in
                var y = other
                k.interpolate(count, 0.3, x, &y)
                return y
            },
            KernelCase("adam", within: elementwise) { k -> [Float] in
                var (parameter, first, second) = (other, numbers(count, seed: 3), numbers(count, seed: 4).map(abs))
                var average = x
                withPointers(&parameter, &first, &second, &average) { parameter, first, second, average in
                    x.withUnsafeBufferPointer { gradient in
                        var step = tensor_adam(
                            count: count, parameter: parameter, gradient: gradient.baseAddress, factor: 0.7,
                            first: first, second: second, step_size: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8,
                            second_correction: 0.5, decay: 0.01, average: average, share: 0.3)
                        k.adam(&step)
                    }
                }
                return parameter + first + second + average
            },
            KernelCase("widen_half", within: exact) { k -> [Float] in
                var y = zeros(count)
                k.widen_half(count, x.map { Float16($0).bitPattern }, &y)
                return y
            },
            KernelCase("widen_brain", within: exact) { k -> [Float] in
                var y = zeros(count)
                k.widen_brain(count, brains(x), &y)
                return y
            },
            KernelCase("widen_bytes", within: exact) { k -> [Float] in
                var y = zeros(count)
                k.widen_bytes(count, bytes(x), 0.37, &y)
                return y
            },
            KernelCase("quantize", within: exact) { k -> [Float] in
                var integers = [Int8](repeating: 1, count: count)
                let scale = k.quantize(count, x, &integers)
                return integers.map(Float.init) + [scale]
            },
        ]

    private static func withPointers(
        _ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>, _ c: UnsafeMutablePointer<Float>,
        _ d: UnsafeMutablePointer<Float>,
        _ body: (
            UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>,
            UnsafeMutablePointer<Float>
        ) -> Void
    ) { body(a, b, c, d) }

    /// Numbers truncated to BFloat16.
    static func brains(_ numbers: [Float]) -> [UInt16] {
        numbers.map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) }
    }

    /// The lowest eight bits of 100 times the numbers.
    static func bytes(_ numbers: [Float]) -> [Int8] { numbers.map { Int8(truncatingIfNeeded: Int(100 * $0)) } }

    private static let x = numbers(count, seed: 1).map { 4 * $0 }
    private static let other = numbers(count, seed: 2)

    private static let unaries = [
        ("exp", tensor_unary_exp), ("square_root", tensor_unary_square_root), ("square", tensor_unary_square),
        ("reciprocal", tensor_unary_reciprocal), ("absolute", tensor_unary_absolute), ("negate", tensor_unary_negate),
        ("tanh", tensor_unary_tanh), ("sigmoid", tensor_unary_sigmoid), ("silu", tensor_unary_silu),
        ("gelu", tensor_unary_gelu), ("quick_gelu", tensor_unary_quick_gelu), ("relu", tensor_unary_relu),
    ].map { name, operation in
        KernelCase("unary \(name)", within: elementwise) { k -> [Float] in
            let input = operation == tensor_unary_square_root ? x.map(abs) : x
            var y = zeros(count)
            k.unary(Int32(operation), count, input, &y)
            return y
        }
    }

    private static let gradients = [
        ("tanh", tensor_unary_tanh), ("sigmoid", tensor_unary_sigmoid), ("silu", tensor_unary_silu),
        ("gelu", tensor_unary_gelu), ("quick_gelu", tensor_unary_quick_gelu), ("relu", tensor_unary_relu),
    ].map { name, operation in
        KernelCase("unary_gradient \(name)", within: elementwise) { k -> [Float] in
            var dx = zeros(count)
            k.unary_gradient(Int32(operation), count, x, other, &dx)
            return dx
        }
    }

    private static let binaries = [
        ("add", tensor_binary_add), ("subtract", tensor_binary_subtract), ("multiply", tensor_binary_multiply),
        ("divide", tensor_binary_divide),
    ].map { name, operation in
        KernelCase("binary \(name)", within: elementwise) { k -> [Float] in
            [tensor_broadcast_none, tensor_broadcast_left, tensor_broadcast_right].flatMap { broadcast in
                var y = zeros(count)
                k.binary(Int32(operation), Int32(broadcast), count, x, other.map { $0 + 2 }, &y)
                return y
            }
        }
    }
}
