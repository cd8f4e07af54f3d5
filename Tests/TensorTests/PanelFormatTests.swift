import CTensorKernels
import Tensor
import Testing

/// Products of another precision are another row of the kernels' table: here BFloat16 in pairs of rows, as matrix tiles read them.
@Suite("Forms of packed panels")
struct PanelFormatTests {
    private static let width = 8

    /// Panels of 8 columns, [pair of rows][column][row of the pair].
    static let pairs = MatrixProduct(
        tensor_product_kernels(
            panel_width: width, row_bytes: 2 * width, row_multiple: 2, alignment: 64, strip_height: 4,
            pack: { matrix, rows, columns, panels in
                guard let matrix = matrix?.pointee, let target = panels?.assumingMemoryBound(to: UInt16.self) else {
                    return
                }
                let numbers = matrix.base.assumingMemoryBound(to: Float.self)
                for column in 0..<(columns + 7) / 8 * 8 {
                    for row in 0..<(rows + 1) / 2 * 2 {
                        let place = (column / 8 * ((rows + 1) / 2) + row / 2) * 16 + column % 8 * 2 + row % 2
                        let offset = row * matrix.row_stride + column * matrix.column_stride
                        let number = row < rows && column < columns ? numbers[offset] : 0
                        target[place] = UInt16(truncatingIfNeeded: number.bitPattern >> 16)
                    }
                }
            },
            multiply: { product in
                guard let p = product?.pointee, let panels = p.panels?.assumingMemoryBound(to: UInt16.self) else {
                    return
                }
                for row in 0..<p.rows {
                    for column in 0..<p.columns {
                        var sum = (p.bias.map { $0[column] } ?? 0)
                        sum += p.addend.map { $0[row * p.result_stride + column] } ?? 0
                        for k in 0..<p.depth {
                            let place = (column / 8 * ((p.panel_rows + 1) / 2) + k / 2) * 16 + column % 8 * 2 + k % 2
                            sum +=
                                p.left[row * p.left_row_stride + k * p.left_column_stride]
                                * Float(bitPattern: UInt32(panels[place]) << 16)
                        }
                        p.result[row * p.result_stride + column] = sum
                    }
                }
            }))

    /// Small integers, whose products are exact in BFloat16.
    private static func integers(_ shape: [Int], seed: UInt64) -> Tensor {
        let numbers = Reference.numbers(shape, seed: seed)
        return Tensor(numbers.scalars.map { (8 * $0).rounded() }, shape: shape)
    }

    @Test(
        "A product packs and reads panels in the form that its kernels describe",
        arguments: [(1, 1, 1), (5, 7, 3), (300, 50, 37), (1_100, 33, 20)])
    func otherPanels(m: Int, n: Int, k: Int) {
        let (left, right) = (Self.integers([m, k], seed: 1), Self.integers([k, n], seed: 2))
        let (bias, addend) = (Self.integers([n], seed: 3), Self.integers([m, n], seed: 4))
        let expected = left.matmul(right) + bias + addend
        let product = Tensor(shape: [m, n]) { target in
            guard let base = target.baseAddress else { return }
            Self.pairs.multiply(
                m: m, n: n, k: k, MatrixView(left, stride: k), MatrixView(right, stride: n), bias: Shared(bias),
                addend: Shared(addend), into: base, stride: n)
        }
        #expect(product.scalars == expected.scalars)
    }
}
