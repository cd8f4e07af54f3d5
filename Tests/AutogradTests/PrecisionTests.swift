import Autograd
import SwiftBrushTestFixtures
import Tensor
import Testing

@Suite("Precision of matrix products")
struct PrecisionTests {
    /// An operation that notes the precision of its gradient.
    private func noting(_ x: Variable, in noted: NotedPrecisions) -> Variable {
        .custom(x.value, of: [x]) { gradient in
            noted.note()
            return [gradient]
        }
    }

    @Test("A precision holds within its computation, and in the tasks that this starts")
    func scopes() async {
        #expect(MatmulPrecision.current == .high)
        MatmulPrecision.medium.within {
            #expect(MatmulPrecision.current == .medium)
            MatmulPrecision.highest.within { #expect(MatmulPrecision.current == .highest) }
            #expect(MatmulPrecision.current == .medium)
        }
        await MatmulPrecision.highest.within {
            async let inner = MatmulPrecision.current
            #expect(await inner == .highest)
        }
        #expect(throws: CancellationError.self) { try MatmulPrecision.medium.within { throw CancellationError() } }
        #expect(MatmulPrecision.current == .high)
    }

    @Test("Gradients are computed at the precision of their operation")
    func gradients() {
        let noted = NotedPrecisions()
        let x = Variable.trainable(.ones([2]))
        let y = MatmulPrecision.medium.within { noting(x, in: noted) }
        let z = noting(y * 2, in: noted)
        MatmulPrecision.highest.within { z.sum().backward() }
        #expect(noted.all == [.high, .medium])
    }

    @Test("Shards of a batch, their gradients, and recomputed blocks keep the precision")
    func shardsAndRecomputation() {
        let (noted, inside) = (NotedPrecisions(), NotedPrecisions())
        let x = Variable.trainable(.ones([4, 2]))
        let y = MatmulPrecision.medium.within {
            dataParallel([x], shards: 4) { _, inputs in
                inside.note()
                return [
                    recomputed(inputs) {
                        inside.note()
                        return noting($0[0], in: noted)
                    }
                ]
            }
        }
        y[0].sum().backward()
        #expect(inside.all == Array(repeating: .medium, count: 12))
        #expect(noted.all == Array(repeating: .medium, count: 4))
    }

    @Test("On a processor without tiles, every precision is Float32, bit for bit, and says so")
    func withoutTiles() {
        var stream = RandomStream(seed: 1)
        let (a, b) = (stream.normal([40, 50]), stream.normal([50, 30]))
        let exact = MatmulPrecision.highest.within { a.matmul(b) }
        #expect(MatmulPrecision.highest.isFloat32 && MatmulPrecision.highest.summary == "highest")
        for precision in [MatmulPrecision.high, .medium] {
            let product = precision.within { a.matmul(b) }
            #expect((product == exact) == precision.isFloat32)
            let note = precision.isFloat32 ? " (Float32 on this processor)" : ""
            #expect(precision.summary == precision.rawValue + note)
        }
    }
}
