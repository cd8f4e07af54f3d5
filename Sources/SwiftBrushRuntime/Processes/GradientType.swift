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

    /// The bits of a tensor of one dimension, as they are sent.
    func packed(_ tensor: Tensor) -> Tensor {
        if self == .float32 || tensor.count == 0 { return tensor }
        return Tensor(shape: [(tensor.count + 1) / 2]) { buffer in
            tensor.withUnsafeScalars { scalars in
                for i in buffer.indices {
                    let second = 2 * i + 1 < scalars.count ? BFloat16.bits(scalars[2 * i + 1]) : 0
                    buffer[i] = Float(bitPattern: BFloat16.bits(scalars[2 * i]) | second << 16)
                }
            }
        }
    }

    /// Packs each chunk of a tensor of one dimension by itself: the packed chunks one after the other, and the length of each. All lengths are 0
    /// for an empty tensor.
    func packed(_ tensor: Tensor, in chunks: [Range<Int>]) -> (tensor: Tensor, counts: [Int]) {
        guard tensor.count > 0 else { return (tensor, chunks.map { _ in 0 }) }
        if self == .float32 { return (tensor, chunks.map(\.count)) }
        let packed = chunks.map { self.packed(tensor.elements($0)) }
        return (.concatenate(packed, axis: 0), packed.map(\.count))
    }

    /// The chunks again, of which `counts` are the packed lengths.
    func unpacked(_ tensor: Tensor, _ counts: [Int], in chunks: [Range<Int>]) -> Tensor {
        if self == .float32 { return tensor }
        var start = 0
        return .concatenate(
            zip(counts, chunks).map { count, chunk in
                defer { start += count }
                return unpacked(tensor, from: start, count: chunk.count)
            }, axis: 0)
    }

    /// The `count` numbers of a chunk that is packed from `start` on.
    func unpacked(_ tensor: Tensor, from start: Int, count: Int) -> Tensor {
        if self == .float32 { return tensor.elements(start..<start + count) }
        return Tensor(shape: [count]) { buffer in
            tensor.withUnsafeScalars { bits in
                for i in buffer.indices { buffer[i] = BFloat16.number(bits, start, i) }
            }
        }
    }

    /// Adds the numbers of a chunk that is packed from `start` on.
    func add(_ tensor: Tensor, from start: Int, to sum: inout Tensor) {
        sum.withUnsafeMutableScalars { sum in
            tensor.withUnsafeScalars { bits in
                if self == .float32 {
                    for i in sum.indices { sum[i] += bits[start + i] }
                } else {
                    for i in sum.indices { sum[i] += BFloat16.number(bits, start, i) }
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

    /// Number i of a chunk that is packed from `start` on, two in each Float.
    @inline(__always) static func number(_ bits: UnsafeBufferPointer<Float>, _ start: Int, _ i: Int) -> Float {
        let pair = bits[start + i / 2].bitPattern
        return Float(bitPattern: i % 2 == 0 ? pair << 16 : pair & 0xffff_0000)
    }
}
