/// Tokens that are recognised literally before the text is split into words. The longest token that matches at a position
/// wins.
struct AddedTokens: Sendable {
    /// A piece of text without such tokens, or one token.
    enum Piece {
        case text(ArraySlice<UInt8>)
        case token(Int)
    }

    private struct Step: Hashable {
        let node: Int
        let byte: UInt8
    }

    /// The edges of a byte trie of the tokens; node 0 is the root.
    private var steps: [Step: Int] = [:]
    /// The id of the token that ends at each node.
    private var ids: [Int?] = [nil]

    /// If two tokens have the same text, the first is used.
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

    /// Splits a text into non-empty pieces, in order.
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

    /// The longest token that starts at a position, and its end.
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
