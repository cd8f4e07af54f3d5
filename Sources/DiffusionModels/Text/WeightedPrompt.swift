/// A prompt split into pieces with weights, in the notation of Stable Diffusion web UI.
///
/// `(word)` has weight 1.1, `((word))` 1.21, `[word]` 1/1.1, `(word:1.3)` 1.3; nested weights multiply. `\(`, `\)`, `\[`, `\]` and `\\`
/// are literal characters. Unclosed brackets extend to the end, and unopened closing brackets are text.
package struct WeightedPrompt: Sendable, Equatable {
    /// A piece of text with one weight.
    package struct Piece: Sendable, Equatable {
        /// The text, without the notation.
        package var text: String
        /// The weight; 1 for text outside all brackets.
        package var weight: Double
    }

    /// The pieces in order; neighbours have different weights. An empty prompt has one empty piece.
    package private(set) var pieces: [Piece] = []

    /// Parses a prompt. Any text is valid.
    package init(_ prompt: String) {
        var reader = Reader(text: Array(prompt.unicodeScalars))
        reader.read()
        for piece in reader.found {
            if let last = pieces.last, last.weight == piece.weight {
                pieces[pieces.count - 1].text += piece.text
            } else {
                pieces.append(piece)
            }
        }
        if pieces.isEmpty { pieces = [Piece(text: "", weight: 1)] }
    }

    private struct Reader {
        let text: [Unicode.Scalar]
        var index = 0
        var found: [Piece] = []
        private var plain = String.UnicodeScalarView()
        /// Indices of the pieces at which the open brackets begin.
        private var round: [Int] = []
        private var square: [Int] = []

        private static let roundFactor = 1.1
        /// Brackets nested deeper than this are text, which bounds the work by the prompt's length.
        private static let depthLimit = 64
        private static let longestWeight = 16

        init(text: [Unicode.Scalar]) { self.text = text }

        mutating func read() {
            while index < text.count {
                let scalar = text[index]
                index += 1
                switch scalar {
                case "\\": readEscape()
                case "(" where round.count < Self.depthLimit:
                    endPlain()
                    round.append(found.count)
                case "[" where square.count < Self.depthLimit:
                    endPlain()
                    square.append(found.count)
                case ":":
                    if let start = round.last, let (weight, end) = weight() {
                        weigh(from: start, by: weight)
                        round.removeLast()
                        index = end
                    } else {
                        plain.append(scalar)
                    }
                case ")" where !round.isEmpty: weigh(from: round.removeLast(), by: Self.roundFactor)
                case "]" where !square.isEmpty: weigh(from: square.removeLast(), by: 1 / Self.roundFactor)
                default: plain.append(scalar)
                }
            }
            endPlain()
            for start in round { weigh(from: start, by: Self.roundFactor) }
            for start in square { weigh(from: start, by: 1 / Self.roundFactor) }
        }

        /// Reads the character after a backslash; the backslash itself is dropped.
        private mutating func readEscape() {
            guard index < text.count, "()[]\\".unicodeScalars.contains(text[index]) else { return }
            plain.append(text[index])
            index += 1
        }

        private mutating func endPlain() {
            if !plain.isEmpty { found.append(Piece(text: String(plain), weight: 1)) }
            plain = String.UnicodeScalarView()
        }

        private mutating func weigh(from start: Int, by factor: Double) {
            endPlain()
            for piece in found.indices[start...] { found[piece].weight *= factor }
        }

        /// The number before a closing parenthesis, and the index after it; nil when there is none.
        private func weight() -> (weight: Double, end: Int)? {
            guard let close = text[index...].prefix(Self.longestWeight).firstIndex(of: ")") else { return nil }
            var number = text[index..<close]
            while number.first == " " { number.removeFirst() }
            while number.last == " " { number.removeLast() }
            let unsigned = number.first == "-" || number.first == "+" ? number.dropFirst() : number
            guard unsigned.allSatisfy({ ("0"..."9").contains($0) || $0 == "." }) else { return nil }
            var digits = String.UnicodeScalarView()
            digits.append(contentsOf: number)
            return Double(String(digits)).map { ($0, close + 1) }
        }
    }
}
