/// Tokens that are recognised as they stand in a text, before it is cut into words; of those that start at one place the
/// longest.
struct AddedTokens: Sendable {
    /// A stretch of text without such tokens, or one of them.
    enum Piece {
        case text(ArraySlice<UInt8>)
        case token(Int)
    }

    private struct Step: Hashable {
        let node: Int
        let byte: UInt8
    }

    /// The tokens as a tree of their bytes, whose root is 0.
    private var steps: [Step: Int] = [:]
    /// The token that ends at each node.
    private var ids: [Int?] = [nil]

    /// Of two tokens with one text the first holds.
    init(_ tokens: [(text: [UInt8], id: Int)]) {
        for (text, id) in tokens where !text.isEmpty {
            var node = 0
            for byte in text {
                let step = Step(node: node, byte: byte)
                if let next = steps[step] {
                    node = next
                } else {
                    steps[step] = ids.count
                    node = ids.count
                    ids.append(nil)
                }
            }
            ids[node] = ids[node] ?? id
        }
    }

    /// A text's pieces in order, none of them empty.
    func pieces(of text: ArraySlice<UInt8>) -> [Piece] {
        var pieces: [Piece] = []
        var (start, index) = (text.startIndex, text.startIndex)
        while index < text.endIndex {
            guard let (id, end) = token(at: index, in: text) else {
                index += 1
                continue
            }
            if start < index { pieces.append(.text(text[start..<index])) }
            pieces.append(.token(id))
            (start, index) = (end, end)
        }
        if start < text.endIndex { pieces.append(.text(text[start...])) }
        return pieces
    }

    /// The longest token that starts at a place, and where it ends.
    private func token(at place: Int, in text: ArraySlice<UInt8>) -> (id: Int, end: Int)? {
        var found: (id: Int, end: Int)?
        var (node, index) = (0, place)
        while index < text.endIndex, let next = steps[Step(node: node, byte: text[index])] {
            (node, index) = (next, index + 1)
            if let id = ids[node] { found = (id, index) }
        }
        return found
    }
}
