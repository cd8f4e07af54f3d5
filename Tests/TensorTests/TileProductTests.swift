import CTensorKernels
import Testing

@testable import Tensor

/// Products of BFloat16 on tiles, with the plain model of AMX's operations, which every processor has, and with AMX and AVX512-BF16 where
/// they are.
@Suite("Products on tiles")
struct TileProductTests {
    /// The products of each table that computes this precision in BFloat16.
    static func tables(_ precision: MatmulPrecision) throws -> [MatrixProduct] {
        let tables = ["model", "amx", "avx512_bf16"].compactMap { (name: String) in tensor_kernels_named(name)?.pointee
        }
        let products = tables.map { MatrixProduct(precision == .high ? $0.high : $0.medium) }.filter(\.usesTiles)
        try #require(!products.isEmpty)
        return products
    }

    private static let sizes = [(1, 1, 1), (5, 7, 3), (33, 65, 31), (300, 50, 37), (70, 300, 1_100), (1_100, 33, 20)]

    private static func product(
        _ product: MatrixProduct, _ left: Tensor, _ right: Tensor, bias: Tensor? = nil, addend: Tensor? = nil,
        transposed: (left: Bool, right: Bool) = (false, false), onThisThread: Bool = false
    ) -> Tensor {
        let (m, k) = transposed.left ? (left.shape[1], left.shape[0]) : (left.shape[0], left.shape[1])
        let n = right.shape[transposed.right ? 0 : 1]
        return Tensor(shape: [m, n]) { target in
            guard let base = target.baseAddress else { return }
            let a = MatrixView(left, stride: left.shape[1], transposed: transposed.left)
            let b = MatrixView(right, stride: right.shape[1], transposed: transposed.right)
            if onThisThread {
                withScratch(byteCount: product.scratchBytes(m: m, n: n, k: k)) {
                    product.multiplyOnThisThread(
                        m: m, n: n, k: k, a, b, accumulate: false, into: base, stride: n, scratch: $0)
                }
            } else {
                product.multiply(
                    m: m, n: n, k: k, a, b, bias: bias.map { Shared($0) }, addend: addend.map { Shared($0) },
                    into: base, stride: n)
            }
        }
    }

    /// Small integers, whose products are exact in BFloat16.
    private static func integers(_ shape: [Int], seed: UInt64) -> Tensor {
        let numbers = Reference.numbers(shape, seed: seed)
        return Tensor(numbers.scalars.map { (8 * $0).rounded() }, shape: shape)
    }

    @Test("Products of small integers are exact, in every layout", arguments: [MatmulPrecision.high, .medium], sizes)
    func exact(precision: MatmulPrecision, size: (m: Int, n: Int, k: Int)) throws {
        let (m, n, k) = size
        let (left, right) = (Self.integers([m, k], seed: 1), Self.integers([k, n], seed: 2))
        let (bias, addend) = (Self.integers([n], seed: 3), Self.integers([m, n], seed: 4))
        let plain = MatmulPrecision.highest.within { left.matmul(right) }
        let (turnedLeft, turnedRight) = (left.transposed([1, 0]), right.transposed([1, 0]))
        for tiles in try Self.tables(precision) {
            #expect(Self.product(tiles, left, right, bias: bias, addend: addend) == plain + bias + addend)
            #expect(Self.product(tiles, turnedLeft, right, transposed: (true, false)) == plain)
            #expect(Self.product(tiles, left, turnedRight, transposed: (false, true)) == plain)
            #expect(Self.product(tiles, turnedLeft, turnedRight, transposed: (true, true), onThisThread: true) == plain)
        }
    }

    /// The BFloat16 numbers whose sum is `x` or nearly so.
    private static func halves(_ x: Float, count: Int) -> [UInt16] {
        var (rest, halves) = (x, [UInt16]())
        for _ in 0..<count {
            let bits = rest.bitPattern
            halves.append(UInt16((bits + 0x7fff + (bits >> 16 & 1)) >> 16))
            rest -= Float(bitPattern: UInt32(halves.last ?? 0) << 16)
        }
        return halves
    }

    @Test("Both operands are split and packed as the layout of tiles says, bit for bit", arguments: [1, 2])
    func panels(halves: Int) throws {
        let (rows, columns) = (45, 70)
        let matrix = Reference.numbers([rows, columns], seed: 5)
        let numbers = matrix.scalars
        for tiles in try Self.tables(halves == 2 ? .high : .medium) {
            let (stepRows, stepColumns) = ((rows + 31) / 32, (columns + 31) / 32)
            let count = stepRows * stepColumns * halves * 1024
            var (right, left) = ([UInt16](repeating: 1, count: count), [UInt16](repeating: 1, count: count))
            right.withUnsafeMutableBytes {
                guard let base = $0.baseAddress else { return }
                tiles.pack(MatrixView(matrix, stride: columns), rows: rows, columns: columns, into: base)
            }
            left.withUnsafeMutableBytes {
                var view = MatrixView(matrix, stride: columns).matrix
                tiles.table.pack_left(&view, rows, columns, $0.baseAddress)
            }
            for i in 0..<32 * stepRows {
                for j in 0..<32 * stepColumns {
                    let x = i < rows && j < columns ? numbers[i * columns + j] : 0
                    let expected = Self.halves(x, count: halves)
                    for half in 0..<halves {
                        let rightBlock = (j / 32 * stepRows + i / 32) * halves + half
                        let inRight = j % 32 / 16 * 512 + (i % 32 / 2 * 16 + j % 16) * 2 + i % 2
                        #expect(right[rightBlock * 1024 + inRight] == expected[half])
                        let leftBlock = (i / 32 * stepColumns + j / 32) * halves + half
                        #expect(left[leftBlock * 1024 + i % 32 * 32 + j % 32] == expected[half])
                    }
                }
            }
        }
    }

    @Test("Sums differ from those in Double by less than 1e-6, given the rounded factors")
    func sums() throws {
        let (m, n, k) = (40, 50, 900)
        let (left, right) = (Reference.numbers([m, k], seed: 6), Reference.numbers([k, n], seed: 7))
        func rounded(_ x: Tensor) -> [Float] {
            x.scalars.map { Float(bitPattern: UInt32(Self.halves($0, count: 1)[0]) << 16) }
        }
        let expected = Reference.matmul(rounded(left), rounded(right), m: m, n: n, k: k)
        for tiles in try Self.tables(.medium) {
            #expect(Reference.error(Self.product(tiles, left, right), expected) < 1e-6)
        }
    }

    @Test("Errors are those of the split, in standard deviations of the result", arguments: [320, 2_560])
    func errors(k: Int) throws {
        let (m, n) = (64, 96)
        var stream = RandomStream(seed: 8)
        let (left, right) = (stream.normal([m, k]), stream.normal([k, n]))
        let exact = Reference.matmul(left.scalars, right.scalars, m: m, n: n, k: k)
        func errors(_ precision: MatmulPrecision) throws -> [(rms: Double, max: Double)] {
            try Self.tables(precision).map { tiles in
                let found = Self.product(tiles, left, right).scalars
                let differences = zip(found, exact).map { abs(Double($0) - $1) / Double(k).squareRoot() }
                let squares = differences.reduce(0) { $0 + $1 * $1 }
                return ((squares / Double(differences.count)).squareRoot(), differences.max() ?? 0)
            }
        }
        for error in try errors(.high) { #expect(error.rms < 6e-6 && error.max < 3e-5, "\(error)") }
        for error in try errors(.medium) {
            #expect(1e-3 < error.rms && error.rms < 4e-3 && error.max < 2e-2, "\(error)")
        }
    }

    @Test("Numbers that are not finite stay so, and large ones finite", arguments: [MatmulPrecision.high, .medium])
    func extremes(precision: MatmulPrecision) throws {
        let right = Tensor(repeating: 1, shape: [1, 1])
        for tiles in try Self.tables(precision) {
            for number in [Float.nan, .infinity, -.infinity] {
                #expect(!Self.product(tiles, Tensor([number], shape: [1, 1]), right).scalars[0].isFinite)
            }
            let large = Self.product(tiles, Tensor([1e38, -1e38], shape: [2, 1]), right).scalars
            #expect(abs(large[0] / 1e38 - 1) < 4e-3 && large[1] == -large[0])
        }
    }
}
