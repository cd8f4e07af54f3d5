extension Tensor {
    /// The elements in a range, flat.
    package func elements(_ range: Range<Int>) -> Tensor {
        range.isEmpty ? .zeros([0]) : reshaped(to: [count]).sliced(axis: 0, range)
    }

    /// The elements in a range, flat, without a copy. They keep the memory of the whole tensor as long as they live, and are copied when they are
    /// written.
    package func part(_ range: Range<Int>) -> Tensor {
        require(range.lowerBound >= 0 && range.upperBound <= count, "part: \(range) is outside \(count) elements")
        return Tensor(storage.part(range), shape: [range.count])
    }

    /// Consecutive parts with these numbers of elements, without a copy.
    package func parts(_ counts: [Int]) -> [Tensor] {
        var start = 0
        return counts.map { count in
            defer { start += count }
            return part(start..<start + count)
        }
    }

    /// Replaces consecutive elements, the first of which has index `start`, by all of a tensor's.
    package mutating func replaceElements(from start: Int, by tensor: Tensor) {
        require(
            start >= 0 && start + tensor.count <= count,
            "replaceElements: \(tensor.count) elements from \(start) are outside \(count)")
        guard tensor.count > 0 else { return }
        let base = mutableBase()
        tensor.storage.widen(0..<tensor.count, into: base + start)
    }
}
