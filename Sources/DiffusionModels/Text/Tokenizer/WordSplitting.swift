/// Applies CLIP's text normalisation: NFC, every run of white space as one space, lower case per scalar.
func normalizedForCLIP(_ text: some Sequence<Unicode.Scalar>) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var afterSpace = false
    for scalar in composedForCLIP(text) {
        let isSpace = scalar.properties.isWhitespace
        if isSpace {
            if !afterSpace { result.append(" ") }
        } else if scalar.isASCII {
            result.append(("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar)
        } else {
            result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
        }
        afterSpace = isSpace
    }
    return result
}

/// The words of a normalised text, as UTF-8: English contractions, runs of letters, single digits, and runs of other
/// characters that are not white space.
func words(_ text: ArraySlice<Unicode.Scalar>) -> [[UInt8]] {
    var words: [[UInt8]] = []
    var start = text.startIndex
    while start < text.endIndex {
        let kind = CharacterKind(text[start])
        if text[start] == "'" || text[start] == "<" {
            let lengths = fixedWordLengths(text[start...])
            for end in lengths.map({ [begin = start] in begin + $0 }) {
                words.append(utf8(text[start..<end]))
                start = end
            }
            if !lengths.isEmpty { continue }
        }
        var end = start + 1
        if kind == .letter || kind == .other {
            while end < text.endIndex, CharacterKind(text[end]) == kind { end += 1 }
        }
        if kind != .space { words.append(utf8(text[start..<end])) }
        start = end
    }
    return words
}

/// The UTF-8 bytes of scalars.
func utf8(_ scalars: some Collection<Unicode.Scalar>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(scalars.count)
    for scalar in scalars { bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter) }
    return bytes
}

private enum CharacterKind {
    case letter, number, space, other

    /// Letters and numbers are those of Unicode 16, as in the original's regular expressions; later ones count as `other`.
    init(_ scalar: Unicode.Scalar) {
        if scalar.isASCII {
            switch scalar {
            case "a"..."z", "A"..."Z": self = .letter
            case "0"..."9": self = .number
            default: self = scalar.properties.isWhitespace ? .space : .other
            }
            return
        }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
        case .decimalNumber, .letterNumber, .otherNumber: self = .number
        default: self = properties.isWhitespace ? .space : .other
        }
        if self != .space, let age = properties.age, age.major > 16 { self = .other }
    }
}

/// The ends of the fixed-form words at the start of the text, counted from its start; empty when there are none.
///
/// A contraction is one word. A special token's name that was not recognised as the token, for example because it was in
/// capitals, is split into three words.
private func fixedWordLengths(_ text: ArraySlice<Unicode.Scalar>) -> [Int] {
    switch text.first {
    case "'":
        let contraction = contractions.first { text.dropFirst().starts(with: $0) }
        return contraction.map { [$0.count + 1] } ?? []
    case "<":
        let name = ["startoftext", "endoftext"].first { text.starts(with: "<|\($0)|>".unicodeScalars) }
        return name.map { [2, 2 + $0.count, 4 + $0.count] } ?? []
    default: return []
    }
}

private let contractions: [[Unicode.Scalar]] = [["s"], ["t"], ["r", "e"], ["v", "e"], ["m"], ["l", "l"], ["d"]]
