import Tensor

/// The type of the numbers as which the processes of a run send gradients.
public enum GradientType: String, Codable, Sendable, CaseIterable {
    /// As they are computed.
    case float32
    /// Half the bytes. The gradient of each part is rounded to it, the parts are added in Float32, and the sum is rounded again, also in a
    /// single process: the result does not depend on the number of processes.
    case bfloat16

    /// Numbers of this type, nearest to those of a tensor.
    func rounded(_ tensor: Tensor) -> Tensor {
        if self == .float32 { return tensor }
        return Tensor(shape: tensor.shape) { buffer in
            tensor.withUnsafeScalars { scalars in
                for i in scalars.indices { buffer[i] = Float(bitPattern: BFloat16.bits(scalars[i]) << 16) }
            }
        }
    }

    /// The elements of a packed chunk of `count` numbers.
    func packedCount(_ count: Int) -> Int { self == .float32 ? count : (count + 1) / 2 }

    /// The bits of a chunk, as they are sent.
    func packed(_ tensor: Tensor) -> Tensor {
        if self == .float32 || tensor.count == 0 { return tensor }
        return Tensor(shape: [packedCount(tensor.count)]) { buffer in
            tensor.withUnsafeScalars { scalars in
                for i in buffer.indices {
                    let second = 2 * i + 1 < scalars.count ? BFloat16.bits(scalars[2 * i + 1]) : 0
                    buffer[i] = Float(bitPattern: BFloat16.bits(scalars[2 * i]) | second << 16)
                }
            }
        }
    }

    /// The bits of a chunk that is given as consecutive tensors of one dimension, as consecutive tensors.
    func packed(_ tensors: [Tensor]) -> [Tensor] {
        self == .float32 ? tensors : [packed(.concatenate(tensors, axis: 0))]
    }

    /// Packs consecutive chunks of these sizes, each by itself: the packed chunks one after the other, and the length of each.
    func packed(_ tensor: Tensor, _ sizes: [Int]) -> (tensor: Tensor, counts: [Int]) {
        (self == .float32 ? tensor : .concatenate(tensor.parts(sizes).map(packed), axis: 0), sizes.map(packedCount))
    }

    /// The numbers of packed chunks of these sizes.
    func unpacked(_ tensor: Tensor, _ sizes: [Int]) -> Tensor {
        if self == .float32 { return tensor }
        return .concatenate(
            zip(tensor.parts(sizes.map(packedCount)), sizes).map { unpacked($0, count: $1) }, axis: 0)
    }

    /// The `count` numbers of a packed chunk.
    func unpacked(_ tensor: Tensor, count: Int) -> Tensor {
        if self == .float32 { return tensor }
        return Tensor(shape: [count]) { buffer in
            tensor.withUnsafeScalars { bits in
                for i in buffer.indices {
                    let pair = bits[i / 2].bitPattern
                    buffer[i] = Float(bitPattern: i % 2 == 0 ? pair << 16 : pair & 0xffff_0000)
                }
            }
        }
    }
}

private enum BFloat16 {
    /// The upper half of a number's bits, rounded to nearest, ties to even. NaN stays NaN.
    @inline(__always) static func bits(_ number: Float) -> UInt32 {
        let bits = number.bitPattern
        return number.isNaN ? 0x7fc0 : (bits &+ 0x7fff &+ ((bits >> 16) & 1)) >> 16
    }
}
