/// The merges that a word still may see, the lowest rank first and of one rank the leftmost: a binary heap.
struct MergeQueue {
    /// Rank and place in one number, which orders them.
    private var heap: [UInt64] = []

    mutating func insert(rank: Int, place: Int) {
        heap.append(UInt64(rank) << 32 | UInt64(place))
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (rank: Int, place: Int)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                let children = (2 * parent + 1..<2 * parent + 3).clamped(to: 0..<heap.count)
                guard let least = children.min(by: { heap[$0] < heap[$1] }), heap[least] < heap[parent] else { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return (Int(first >> 32), Int(first & 0xffff_ffff))
    }
}
