import Testing

@testable import Tensor

@Suite("Ranges of elements")
struct ElementRangeTests {
    private static let numbers = (0..<24).map(Float.init)
    private let tensor = Tensor(numbers, shape: [4, 6])

    @Test("Parts share the memory of the whole, and keep it")
    func parts() {
        var whole: Tensor? = tensor
        let parts = whole?.parts([5, 0, 12]) ?? []
        whole = nil
        #expect(parts.map(\.scalars) == [Array(Self.numbers[0..<5]), [], Array(Self.numbers[5..<17])])
        #expect(parts[2].storage.stored == tensor.storage.stored + 20)
        #expect(tensor.elements(5..<17).storage.stored != parts[2].storage.stored)
        #expect(parts[2].part(3..<4).scalars == [8] && tensor.elements(7..<7).scalars == [])
    }

    @Test("Writing to a part or to the whole changes no other tensor")
    func writing() {
        var (whole, part) = (tensor, tensor.part(6..<12))
        part += Tensor(repeating: 1, shape: [6])
        #expect(part.scalars == [7, 8, 9, 10, 11, 12])
        let kept = whole.part(0..<3)
        whole[0, 1] = -1
        #expect(kept.scalars == [0, 1, 2] && tensor.scalars == Self.numbers && whole[0, 1] == -1)
        var other = part
        other -= part
        #expect(other.scalars == Array(repeating: 0, count: 6) && part[0] == 7)
    }

    @Test("Arithmetic in place keeps the memory of a tensor that no other shares")
    func inPlace() {
        var own = Tensor(repeating: 1, shape: [1_000])
        let address = own.storage.stored
        own += Tensor(repeating: 2, shape: [1_000])
        #expect(own.storage.stored == address && own.sum() == 3_000)
    }

    @Test("Elements are replaced at their place")
    func replacement() {
        var changed = tensor
        changed.replaceElements(from: 22, by: tensor.part(0..<2))
        changed.replaceElements(from: 24, by: .zeros([0]))
        #expect(changed.shape == [4, 6] && changed.scalars == Array(Self.numbers[0..<22]) + [0, 1])
        #expect(tensor.scalars == Self.numbers)
    }
}
