/// Tokens that are recognised as they stand in a text, before it is cut into words; of those that start at one place the
/// longest.
struct AddedTokens: Sendable {
    /// A stretch of text without such tokens, or one of them.
    enum Piece {
        case text(ArraySlice<UInt8>)
        case token(Int)
    }

    private let tokens: [(text: [UInt8], id: Int)]

    init(_ tokens: [(text: [UInt8], id: Int)]) {
        self.tokens = tokens.filter { !$0.text.isEmpty }.sorted { $0.text.count > $1.text.count }
    }

    /// A text's pieces in order, none of them empty.
    func pieces(of text: ArraySlice<UInt8>) -> [Piece] {
        var pieces: [Piece] = []
        var (start, index) = (text.startIndex, text.startIndex)
        while index < text.endIndex {
            guard let token = tokens.first(where: { text[index...].starts(with: $0.text) }) else {
                index += 1
                continue
            }
            if start < index { pieces.append(.text(text[start..<index])) }
            pieces.append(.token(token.id))
            index += token.text.count
            start = index
        }
        if start < text.endIndex { pieces.append(.text(text[start...])) }
        return pieces
    }
}
