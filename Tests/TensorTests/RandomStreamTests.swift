import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@Suite("Random streams")
struct RandomStreamTests {
    @Test("RandomStream generates the numbers of torch.manual_seed", arguments: [0, 42, 4_294_967_295] as [UInt64])
    func torch(seed: UInt64) throws {
        let golden = try Fixtures.tensors("random/random.safetensors")
        func expected(_ name: String) throws -> Tensor { try #require(golden["\(seed).\(name)"]) }
        func difference(_ found: Tensor, _ name: String) throws -> Float {
            (found - (try expected(name))).absolute().maximum()
        }
        var stream = RandomStream(seed: seed)
        // One by one in Double: bit for bit; the second number of the third pair is kept for the next call.
        #expect(stream.normal([5]).scalars == (try expected("short").scalars))
        #expect(stream.normal([2]).scalars == (try expected("shorter").scalars))
        // Sixteen at a time: PyTorch's vectorised Float32 logarithm and sine round differently.
        #expect(try difference(stream.normal([4, 16]), "exact") <= 5e-7)
        #expect(try difference(stream.normal([37]), "ragged") <= 5e-7)
        #expect(stream.normal([3]).scalars == (try expected("after").scalars))
        #expect(stream.uniform([9]).scalars == (try expected("uniform").scalars))
        #expect(stream.integers(700, in: 20..<981) == (try expected("integers").scalars.map { Int($0) }))
        #expect(stream.permutation(50) == (try expected("permutation").scalars.map { Int($0) }))
    }

    @Test("A saved stream continues bit for bit")
    func saving() throws {
        var stream = RandomStream(seed: 9)
        _ = stream.normal([5])
        let data = try JSONEncoder().encode(stream)
        var copy = try JSONDecoder().decode(RandomStream.self, from: data)
        #expect(copy == stream)
        #expect(copy.normal([1000]).scalars == stream.normal([1000]).scalars)
        #expect(copy.normal([3]).scalars == stream.normal([3]).scalars)
    }

    @Test("A stream serves Swift's random functions: 64 bits are two of its numbers, the first in the high half")
    func generator() {
        var (stream, halves) = (RandomStream(seed: 3), RandomStream(seed: 3))
        let bits = stream.next()
        // Integers below 2³¹ are the low 31 bits of one number.
        let low = halves.integers(2, in: 0..<1 << 31).map { UInt64($0) }
        #expect(bits >> 32 & 0x7fff_ffff == low[0] && bits & 0x7fff_ffff == low[1])
        #expect((0..<9).shuffled(using: &stream).sorted() == Array(0..<9))
    }

    @Test("An invalid saved state is refused")
    func badState() {
        let text = #"{"seed": 1, "words": "AAAA", "position": 700}"#
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(RandomStream.self, from: Data(text.utf8)) }
    }

    @Test("Split streams depend on the seed and the label alone")
    func splitting() {
        var used = RandomStream(seed: 5)
        _ = used.normal([100])
        #expect(used.split("noise") == RandomStream(seed: 5).split("noise"))
        let seeds = Set(
            (0..<1000).map { RandomStream(seed: 5).split($0).seed } + ["a", "b"].map { used.split($0).seed })
        #expect(seeds.count == 1002)
    }

    @Test("Normal numbers have the moments of N(0, 1)")
    func moments() {
        var stream = RandomStream(seed: 6)
        let x = stream.normal([100_000])
        // Five standard errors: 1/√n of the mean, √(2/n) of the variance.
        #expect(abs(x.mean()) <= 5 / 100_000.0.squareRoot())
        #expect(abs(x.squaredNorm() / 100_000 - 1) <= 5 * (2 / 100_000.0).squareRoot())
    }
}
