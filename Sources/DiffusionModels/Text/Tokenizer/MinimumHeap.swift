/// A priority queue that returns the least element first: a binary heap.
struct MinimumHeap<Element: Comparable> {
    private var elements: [Element] = []

    mutating func insert(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0, elements[child] < elements[(child - 1) / 2] {
            elements.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Removes and returns the least element; nil when the heap is empty.
    mutating func popMinimum() -> Element? {
        guard let first = elements.first, let last = elements.popLast() else { return nil }
        if !elements.isEmpty {
            elements[0] = last
            var parent = 0
            while true {
                let children = (2 * parent + 1..<2 * parent + 3).clamped(to: 0..<elements.count)
                guard let least = children.min(by: { elements[$0] < elements[$1] }), elements[least] < elements[parent]
                else { break }
                elements.swapAt(parent, least)
                parent = least
            }
        }
        return first
    }
}
