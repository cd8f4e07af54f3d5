import Autograd
import Foundation
import Tensor

/// The gradients of a step's parts, added in the order of the parts over all processes.
///
/// In a group, each process adds the same elements of all parts and sends the sums to the others, which moves as many bytes as a ring.
/// A process keeps the gradients of all its parts until then; a single process keeps only their sum.
package struct PartGradients {
    /// Parameters are sent together until they have so many elements.
    private static let bucket = 1 << 22

    private let parameters: [Parameter]
    private let group: any ProcessGroup
    private var parts: [[Tensor?]] = []

    /// No gradients yet.
    package init(of parameters: [Parameter], in group: any ProcessGroup) {
        (self.parameters, self.group) = (parameters, group)
    }

    /// Moves the parameters' gradients, those of the next part, out of the parameters.
    package mutating func take() {
        let gradients = parameters.map(\.gradient)
        for parameter in parameters { parameter.gradient = nil }
        if group.count > 1 || parts.isEmpty {
            parts.append(gradients)
            return
        }
        for (index, gradient) in gradients.enumerated() {
            guard let gradient else { continue }
            guard var sum = parts[0][index].take() else {
                parts[0][index] = gradient
                continue
            }
            sum += gradient
            parts[0][index] = sum
        }
    }

    /// Moves the sums over all parts of all processes into the parameters.
    package mutating func sum() throws {
        defer { parts = [] }
        if group.count == 1 {
            for (parameter, sum) in zip(parameters, parts.first ?? []) { parameter.gradient = sum }
            return
        }
        let own = parameters.indices.map { index in UInt8(parts.contains { $0[index] != nil } ? 1 : 0) }
        let present = try group.gather(Data(own)).reduce(own) { all, others in zip(all, others).map { $0 | $1 } }
        var bucket: [Int] = []
        var size = 0
        for index in parameters.indices where present[index] != 0 {
            bucket.append(index)
            size += parameters[index].shape.reduce(1, *)
            if size < Self.bucket { continue }
            try sum(bucket, size)
            (bucket, size) = ([], 0)
        }
        if size > 0 { try sum(bucket, size) }
    }

    /// Sums the gradients of some parameters, of `size` elements together.
    private mutating func sum(_ bucket: [Int], _ size: Int) throws {
        let flat = parts.indices.map { part in
            // Adding −0 changes no number, not even −0.
            Tensor.concatenate(
                bucket.map { index in
                    let count = parameters[index].shape.reduce(1, *)
                    return parts[part][index].take()?.reshaped(to: [count]) ?? Tensor(repeating: -0.0, shape: [count])
                }, axis: 0)
        }
        let chunks = (0..<group.count).map { $0 * size / group.count..<($0 + 1) * size / group.count }
        let length = chunks[group.rank].count
        let received = try group.exchange(
            chunks.map { chunk in .concatenate(flat.map { $0.sliced(axis: 0, chunk) }, axis: 0) })
        var sum: Tensor?
        for tensor in received where length > 0 {
            for part in 0..<tensor.count / length {
                let gradient = tensor.sliced(axis: 0, part * length..<(part + 1) * length)
                if sum == nil { sum = gradient } else { sum? += gradient }
            }
        }
        let all = Tensor.concatenate(try group.gather(sum ?? .zeros([0])), axis: 0)
        var start = 0
        for index in bucket {
            let shape = parameters[index].shape
            let end = start + shape.reduce(1, *)
            parameters[index].gradient = all.sliced(axis: 0, start..<end).reshaped(to: shape)
            start = end
        }
    }
}
