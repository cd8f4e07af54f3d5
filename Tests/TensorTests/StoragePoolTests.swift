import Tensor
import Testing

@Suite("Memory of tensors")
struct StoragePoolTests {
    /// More than one block of large pages in small pieces, some of them given back and taken again on the way.
    @Test("Small tensors that live at once have memory of their own, aligned to 64 bytes")
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
