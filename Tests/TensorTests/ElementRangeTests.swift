import Testing

@testable import Tensor

@Suite("Ranges of elements")
struct ElementRangeTests {
    private static let numbers = (0..<24).map(Float.init)
    private let tensor = Tensor(numbers, shape: [4, 6])

    @Test("Parts share the memory of the whole, and keep it")
    func parts() {
        var whole: Tensor? = Tensor(Self.numbers, shape: [4, 6])
        let address = whole?.storage.stored
        let parts = whole?.parts([5, 0, 12]) ?? []
        #expect(whole?.elements(5..<17).storage.stored != parts[2].storage.stored)
        whole = nil
        let others = (0..<8).map { _ in Tensor(repeating: -1, shape: [24]) }
        #expect(others.allSatisfy { $0.storage.stored != address })
        #expect(parts[2].storage.stored == address.map { $0 + 20 })
        #expect(parts.map(\.scalars) == [Array(Self.numbers[0..<5]), [], Array(Self.numbers[5..<17])])
        #expect(parts[2].part(3..<4).scalars == [8] && tensor.elements(7..<7).scalars == [])
    }

    @Test("Writing to a part or to the whole changes no other tensor")
    func writing() {
        var part = tensor.part(6..<12)
        part += Tensor(repeating: 1, shape: [6])
        #expect(part.scalars == [7, 8, 9, 10, 11, 12] && tensor.scalars == Self.numbers)
        var whole = Tensor(Self.numbers, shape: [4, 6])
        let kept = whole.part(0..<3)
        whole[0, 1] = -1
        #expect(kept.scalars == [0, 1, 2] && whole[0, 1] == -1)
        let alone = whole.part(0..<3)
        var first = alone
        first -= alone
        #expect(first.scalars == [0, 0, 0] && alone.scalars == [0, -1, 2] && whole[0, 1] == -1)
    }

    @Test("Arithmetic in place keeps the memory of a tensor that no other shares")
    func inPlace() {
        var own = Tensor(repeating: 1, shape: [1_000])
        let address = own.storage.stored
        own += Tensor(repeating: 2, shape: [1_000])
        #expect(own.storage.stored == address && own.sum() == 3_000)
    }

    @Test("Elements are replaced at their place, in memory that no other tensor shares")
    func replacement() {
        var changed = Tensor(Self.numbers, shape: [4, 6])
        let address = changed.storage.stored
        changed.replaceElements(from: 22, by: tensor.part(0..<2))
        #expect(changed.shape == [4, 6] && changed.scalars == Array(Self.numbers[0..<22]) + [0, 1])
        #expect(changed.storage.stored == address)
        var shared = changed
        shared.replaceElements(from: 24, by: .zeros([0]))
        #expect(shared.storage.stored == address)
        shared.replaceElements(from: 1, by: shared.part(0..<3))
        #expect(shared.scalars.prefix(5) == [0, 0, 1, 2, 4] && changed.scalars.prefix(5) == [0, 1, 2, 3, 4])
    }
}
