import Tensor
import Testing

@Suite("Storage pool")
struct StoragePoolTests {
    /// Small tensors that need more than one block of large pages; some of them are freed on the way and their memory reused.
    @Test("Small tensors that live at the same time do not share memory and are aligned to 64 bytes")
    func smallTensors() {
        var tensors: [Tensor?] = []
        for index in 0..<4_000 {
            tensors.append(Tensor(repeating: Float(index), shape: [1 + index * 37 % 5_000]))
            if index % 5 == 4 { tensors[index - 2] = nil }
        }
        for (index, tensor) in tensors.enumerated() {
            guard let tensor else { continue }
            tensor.withUnsafeScalars { scalars in
                #expect(scalars.allSatisfy { $0 == Float(index) }, "tensor \(index)")
                #expect(UInt(bitPattern: scalars.baseAddress) % 64 == 0, "tensor \(index)")
            }
        }
        #expect(tensors.count { $0 == nil } == 800)
    }
}
