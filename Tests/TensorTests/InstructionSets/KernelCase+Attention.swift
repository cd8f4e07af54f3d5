import CTensorKernels

private let width = 24
private let queries = 150
private let keys = 201

extension KernelCase {
    static let attention = [
        KernelCase("attention", within: products) { k -> [Float] in forward(k, causal: false) },
        KernelCase("attention with the causal mask", within: products) { k -> [Float] in forward(k, causal: true) },
        KernelCase("attention_gradient", within: products) { k -> [Float] in backward(k, causal: false) },
        KernelCase("attention_gradient with the causal mask", within: products) { k -> [Float] in
            backward(k, causal: true)
        },
    ]

    private static let q = numbers(queries * width, seed: 23).map { 3 * $0 }
    private static let k = numbers(keys * width, seed: 24)
    private static let v = numbers(keys * width, seed: 25)

    /// Calls `body` with the head and scratch for it.
    private static func withHead(
        _ table: tensor_kernels, causal: Bool,
        _ body: (UnsafePointer<tensor_attention_head>, UnsafeMutablePointer<Float>) -> Void
    ) {
        var scratch = zeros(table.highest.attention_scratch(width, queries))
        q.withUnsafeBufferPointer { q in
            k.withUnsafeBufferPointer { k in
                v.withUnsafeBufferPointer { v in
                    var head = tensor_attention_head(
                        queries: q.baseAddress, keys: k.baseAddress, values: v.baseAddress, query_stride: width,
                        key_stride: width, query_count: queries, key_count: keys, width: width, first_query: 0,
                        causal: causal, scale: 0.2)
                    body(&head, &scratch)
                }
            }
        }
    }

    /// The output, followed by the logarithms of the sums.
    private static func forward(_ table: tensor_kernels, causal: Bool) -> [Float] {
        var (output, logSums) = (zeros(queries * width), zeros(queries))
        withHead(table, causal: causal) { table.highest.attention($0, &output, width, &logSums, $1) }
        return output + logSums
    }

    private static func backward(_ table: tensor_kernels, causal: Bool) -> [Float] {
        let outputs = forward(table, causal: causal)
        let (output, logSums) = (Array(outputs[..<(queries * width)]), Array(outputs[(queries * width)...]))
        var (dq, dk, dv) = (zeros(queries * width), zeros(keys * width), zeros(keys * width))
        withHead(table, causal: causal) {
            table.highest.attention_gradient(
                $0, output, numbers(queries * width, seed: 26), width, logSums, &dq, &dk, &dv, width, width, $1)
        }
        return dq + dk + dv
    }
}
