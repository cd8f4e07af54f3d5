import Autograd
import Tensor
import Testing

@Suite("Values with gradients, and dropout")
struct ValueAndGradientTests {
    @Test("The gradient of each input is returned, zero for one that the value does not depend on")
    func gradients() {
        let found = valueAndGradient(at: [[1, 2], [3, 4], [5]]) { ($0[0] * $0[1]).sum() }
        #expect(found.value.item == 11)
        #expect(found.gradients == [[3, 4], [1, 2], [0]])
    }

    @Test("Dropout keeps the mean: what remains is divided by the share that remains, and so is its gradient")
    func dropout() throws {
        var stream = RandomStream(seed: 0)
        let x = Variable.trainable(.ones([100, 100]))
        let y = x.dropout(rate: 0.25, using: &stream)
        #expect(Set(y.value.scalars) == [0, 1 / 0.75])
        #expect(abs(y.value.mean() - 1) < 0.02)
        y.sum().backward()
        #expect(try #require(x.gradient) == y.value)
        #expect(x.dropout(rate: 0, using: &stream).value == x.value)
    }
}
