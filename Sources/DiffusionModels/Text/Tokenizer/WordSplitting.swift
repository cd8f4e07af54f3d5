/// NFC, every run of white space as one space, lower case scalar by scalar: the normalisers of CLIP's tokenizer.
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

/// The words of a normalised text, as UTF-8: English contractions, runs of letters, single digits, runs of everything else
/// that is not white space.
func words(_ text: ArraySlice<Unicode.Scalar>) -> [[UInt8]] {
    var words: [[UInt8]] = []
    var start = text.startIndex
    while start < text.endIndex {
        let kind = CharacterKind(text[start])
        let fixed = fixedWordLengths(text[start...])
        var ends = fixed.map { start + $0 }
        if fixed.isEmpty {
            var end = start + 1
            if kind == .letter || kind == .other {
                while end < text.endIndex, CharacterKind(text[end]) == kind { end += 1 }
            }
            ends = [end]
        }
        for end in ends {
            if kind != .space { words.append(utf8(text[start..<end])) }
            start = end
        }
    }
    return words
}

/// The bytes of some scalars.
func utf8(_ scalars: some Sequence<Unicode.Scalar>) -> [UInt8] {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return Array(String(view).utf8)
}

private enum CharacterKind {
    case letter, number, space, other

    /// Letters and numbers are those of Unicode 16, which the original's regular expressions know; later ones are neither.
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

/// The words of set form with which the text starts, as ends counted from its start; none when it starts otherwise.
///
/// A contraction is one word. A special token's name that was not taken for the token, as when it came in capitals, is a
/// word that is cut once more, in three.
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
