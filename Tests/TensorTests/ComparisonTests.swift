import Tensor
import Testing

@Suite("Comparison and selection")
struct ComparisonTests {
    private let a: Tensor = [1, 2, .nan, 4]
    private let b: Tensor = [2, 2, 3, 3]

    @Test("Comparisons give 1 and 0, broadcast, and follow IEEE for NaN")
    func comparisons() {
        #expect((a .< b).scalars == [1, 0, 0, 0])
        #expect((a .<= b).scalars == [1, 1, 0, 0])
        #expect((a .> b).scalars == [0, 0, 0, 1])
        #expect((a .>= b).scalars == [0, 1, 0, 1])
        #expect((a .== b).scalars == [0, 1, 0, 0])
        #expect((a .!= b).scalars == [1, 0, 1, 1])
        let table = Tensor([0, 1, 2, 3, 4, 5], shape: [2, 3])
        #expect((table .> Tensor([1, 3], shape: [2, 1])).scalars == [0, 0, 1, 0, 1, 1])
        #expect((table .> Tensor(2)).shape == [2, 3])
    }

    @Test("The larger and smaller of NaN and a number is NaN, whichever comes first")
    func extremes() {
        let found = [Tensor.maximum(a, b), .maximum(b, a), .minimum(a, b), .minimum(b, a)].map(\.scalars)
        #expect(found.allSatisfy { $0[2].isNaN })
        #expect(found.map { $0[0] } == [2, 2, 1, 1])
        #expect(found.map { $0[3] } == [4, 4, 3, 3])
    }

    @Test("Selection ignores infinities and NaN that are not selected")
    func selection() {
        let mask: Tensor = [0, 1, 1, 0]
        let found = Tensor([1, .infinity, .nan, 4], shape: [4]).replacing(with: [.nan, 6, 7, .infinity], where: mask)
        #expect(found.scalars == [1, 6, 7, 4])
    }

    @Test("Whole tensors are equal if their shapes and elements are")
    func equality() {
        #expect(Tensor([1, 2], shape: [2]) == [1, 2])
        #expect(Tensor([1, 2], shape: [2, 1]) != [1, 2])
        #expect(a != a)
    }

    @Test("Ranges in a subscript cut leading axes")
    func ranges() {
        let table = Tensor((0..<12).map { Float($0) }, shape: [3, 4])
        #expect(table[1..<3] == Tensor([4, 5, 6, 7, 8, 9, 10, 11], shape: [2, 4]))
        #expect(table[..<2, 2...] == Tensor([2, 3, 6, 7], shape: [2, 2]))
        #expect(table[0...2, 1...1].shape == [3, 1])
        #expect(table[2, 3] == 11)
    }

    @Test("Stacked tensors are split again, and padding surrounds an axis")
    func joining() {
        let rows: [Tensor] = [[1, 2, 3], [4, 5, 6]]
        let columns = Tensor.stack(rows, axis: 1)
        #expect(columns == Tensor([1, 4, 2, 5, 3, 6], shape: [3, 2]))
        #expect(Tensor.stack(rows).split([1, 1], axis: 0).map { $0.reshaped(to: [3]) } == rows)
        #expect(columns.split([2, 0, 1], axis: 0).map(\.shape) == [[2, 2], [0, 2], [1, 2]])
        #expect(rows[0].padded(axis: 0, before: 2, after: 1, with: 9) == [9, 9, 1, 2, 3, 9])
    }
}
