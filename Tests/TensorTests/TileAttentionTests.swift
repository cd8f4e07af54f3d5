import CTensorKernels
import Testing

@testable import Tensor

/// Attention with products of BFloat16, with the plain model of AMX's operations, which every processor has, and with AMX and AVX512-BF16
/// where they are.
@Suite("Attention on tiles")
struct TileAttentionTests {
    /// One head, whose rows have gaps between them.
    struct Head: CustomTestStringConvertible, Sendable {
        let queries, keys, width: Int
        var isCausal = false
        /// What the queries are multiplied with: a large factor makes weights of nearly 0 and 1.
        var factor: Float = 2

        var testDescription: String {
            "\(queries) × \(keys), width \(width)\(isCausal ? ", causal" : ""), factor \(factor)"
        }
        var gap: Int { width + 3 }
    }

    private static let heads = [
        Head(queries: 1, keys: 1, width: 1), Head(queries: 33, keys: 129, width: 40),
        Head(queries: 70, keys: 300, width: 64),
        Head(queries: 150, keys: 150, width: 24, isCausal: true), Head(queries: 300, keys: 77, width: 80),
        Head(queries: 40, keys: 260, width: 8, factor: 30),
    ]

    /// The output, the logarithms of the sums, and the gradients of queries, keys and values.
    private static func results(of table: tensor_product_kernels, _ head: Head) -> [[Float]] {
        func rows(_ count: Int, seed: UInt64) -> Tensor { Reference.numbers([count, head.gap], seed: seed) }
        let (q, k, v) = (rows(head.queries, seed: 1) * head.factor, rows(head.keys, seed: 2), rows(head.keys, seed: 3))
        let dy = rows(head.queries, seed: 4)
        var (output, logarithms) = (zeros(head.queries * head.gap), zeros(head.queries))
        var (dq, dk, dv) = (zeros(q.count), zeros(k.count), zeros(v.count))
        var inputs = tensor_attention_head(
            queries: q.storage.base, keys: k.storage.base, values: v.storage.base, query_stride: head.gap,
            key_stride: head.gap, query_count: head.queries, key_count: head.keys, width: head.width, first_query: 0,
            causal: head.isCausal, scale: 1 / Float(head.width).squareRoot())
        withScratch(table.attention_scratch(head.width, head.queries)) {
            table.attention(&inputs, &output, head.gap, &logarithms, $0)
            table.attention_gradient(
                &inputs, output, dy.storage.base, head.gap, logarithms, &dq, &dk, &dv, head.gap, head.gap, $0)
        }
        withExtendedLifetime((q, k, v, dy)) {}
        return [output, logarithms, dq, dk, dv]
    }

    private static func zeros(_ count: Int) -> [Float] { Array(repeating: 0, count: count) }

    @Test(
        "Output and gradients differ from Float32's by the rounding of the factors",
        arguments: [MatmulPrecision.high, .medium], heads)
    func agrees(precision: MatmulPrecision, head: Head) throws {
        let expected = Self.results(of: kernels.highest, head)
        let names = ["output", "logarithms of the sums", "queries", "keys", "values"]
        for product in try TileProductTests.tables(precision) {
            for ((name, found), expected) in zip(zip(names, Self.results(of: product.table, head)), expected) {
                let scale = max(expected.map(abs).max() ?? 0, 0.1)
                let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
                // Rounded queries move an exponent by as much as they are long.
                let bound = (precision == .high ? 1e-5 : 5e-3) * max(1, head.factor)
                #expect(difference / scale <= bound, "\(name): \(difference / scale)")
                #expect(found.allSatisfy { $0.isFinite })
            }
        }
    }

    @Test("Queries do not depend on those beside them, bit for bit")
    func independence() throws {
        let (width, keys) = (40, 200)
        let k = Reference.numbers([keys, width], seed: 2)
        for product in try TileProductTests.tables(.medium) {
            func output(_ queries: Int) -> [Float] {
                let q = Reference.numbers([queries, width], seed: 1)
                let table = product.table
                var output = Self.zeros(queries * width)
                var inputs = tensor_attention_head(
                    queries: q.storage.base, keys: k.storage.base, values: k.storage.base, query_stride: width,
                    key_stride: width, query_count: queries, key_count: keys, width: width, first_query: 0,
                    causal: false,
                    scale: 1)
                withScratch(table.attention_scratch(width, queries)) {
                    table.attention(&inputs, &output, width, nil, $0)
                }
                withExtendedLifetime((q, k)) {}
                return output
            }
            let (many, few) = (output(100), output(37))
            #expect(Array(many[..<few.count]) == few)
        }
    }
}
