/// The byte ranges of the values, members and keys of a JSON text.
struct JSONSpans {
    /// All values, including the whole text.
    private(set) var values: [Range<Int>] = []
    /// The members `"key": value` of all objects, and the elements of all arrays.
    private(set) var members: [Range<Int>] = []
    /// The members' keys, with their quotes.
    private(set) var keys: [Range<Int>] = []
    private let text: [UInt8]
    private var place = 0
    private static let deepest = 64

    /// Nil for a text whose brackets or strings are not valid JSON.
    init?(_ text: [UInt8]) {
        self.text = text
        guard value(depth: 0) else { return nil }
        skipBlanks()
        guard place == text.count else { return nil }
    }

    private mutating func skipBlanks() {
        while place < text.count, text[place] <= 32 { place += 1 }
    }

    private mutating func value(depth: Int) -> Bool {
        skipBlanks()
        guard place < text.count, depth < Self.deepest else { return false }
        let start = place
        switch text[place] {
        case UInt8(ascii: "{"): guard list(until: UInt8(ascii: "}"), hasKeys: true, depth) else { return false }
        case UInt8(ascii: "["): guard list(until: UInt8(ascii: "]"), hasKeys: false, depth) else { return false }
        case UInt8(ascii: "\""): guard string() else { return false }
        default:
            while place < text.count, !" ,]}\n\r\t".utf8.contains(text[place]) { place += 1 }
            guard place > start else { return false }
        }
        values.append(start..<place)
        return true
    }

    private mutating func string() -> Bool {
        place += 1
        while place < text.count, text[place] != UInt8(ascii: "\"") {
            place += text[place] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard place < text.count else { return false }
        place += 1
        return true
    }

    private mutating func list(until end: UInt8, hasKeys: Bool, _ depth: Int) -> Bool {
        place += 1
        skipBlanks()
        if place < text.count, text[place] == end {
            place += 1
            return true
        }
        while true {
            skipBlanks()
            let start = place
            if hasKeys {
                guard place < text.count, text[place] == UInt8(ascii: "\""), string() else { return false }
                keys.append(start..<place)
                skipBlanks()
                guard place < text.count, text[place] == UInt8(ascii: ":") else { return false }
                place += 1
            }
            guard value(depth: depth + 1) else { return false }
            members.append(start..<place)
            skipBlanks()
            guard place < text.count else { return false }
            if text[place] == end {
                place += 1
                return true
            }
            guard text[place] == UInt8(ascii: ",") else { return false }
            place += 1
        }
    }
}
