/// A prompt's text in pieces with weights, in the notation of Stable Diffusion web UI.
///
/// `(word)` weighs 1.1, `((word))` 1.21, `[word]` 1/1.1, `(word:1.3)` 1.3; inside each other they multiply. `\(`, `\)`, `\[`, `\]` and `\\` are
/// the characters themselves. Brackets that are not closed hold to the end, and those that were not opened are text.
public struct WeightedPrompt: Sendable, Equatable {
    /// A stretch of text of one weight.
    public struct Piece: Sendable, Equatable {
        /// Without the notation.
        public var text: String
        /// 1 for text that stands in no brackets.
        public var weight: Double
    }

    /// In the prompt's order, neighbours of different weights; of an empty prompt one empty piece.
    public private(set) var pieces: [Piece] = []

    /// Reads a prompt; every text is one.
    public init(_ prompt: String) {
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
        /// The pieces at which the open brackets begin.
        private var round: [Int] = []
        private var square: [Int] = []

        private static let roundFactor = 1.1
        /// Brackets inside so many others of their kind are text, which bounds the work by the prompt's length.
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

        /// What stands behind a backslash, which itself is no text.
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

        /// The number up to a closing parenthesis, and the place behind that; nil where something else stands.
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
