import Foundation

/// NFC, every run of white space as one space, lower case scalar by scalar: the normalisers of CLIP's fast tokenizer.
func normalizedForCLIP(_ text: Substring) -> String.UnicodeScalarView {
    var result = String.UnicodeScalarView()
    var afterSpace = false
    for scalar in String(text).precomposedStringWithCanonicalMapping.unicodeScalars {
        let isSpace = scalar.properties.isWhitespace
        if isSpace {
            if !afterSpace { result.append(" ") }
        } else {
            result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
        }
        afterSpace = isSpace
    }
    return result
}

/// The words of a normalised text: English contractions, runs of letters, single digits, runs of everything else that is
/// not white space.
func words(_ text: String.UnicodeScalarView) -> [String] {
    let scalars = Array(text)
    var words: [String] = []
    var start = 0
    while start < scalars.count {
        let kind = CharacterKind(scalars[start])
        var end = start + 1
        if let length = contractionLength(scalars[start...]) {
            end = start + length
        } else if kind == .letter || kind == .other {
            while end < scalars.count, CharacterKind(scalars[end]) == kind { end += 1 }
        }
        if kind != .space {
            var word = String.UnicodeScalarView()
            word.append(contentsOf: scalars[start..<end])
            words.append(String(word))
        }
        start = end
    }
    return words
}

private enum CharacterKind {
    case letter, number, space, other

    init(_ scalar: Unicode.Scalar) {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
        case .decimalNumber, .letterNumber, .otherNumber: self = .number
        default: self = scalar.properties.isWhitespace ? .space : .other
        }
    }
}

/// How long the contraction is with which the text starts, nil when it starts with none.
private func contractionLength(_ text: ArraySlice<Unicode.Scalar>) -> Int? {
    guard text.first == "'" else { return nil }
    let contractions: [[Unicode.Scalar]] = [["s"], ["t"], ["r", "e"], ["v", "e"], ["m"], ["l", "l"], ["d"]]
    return contractions.first { text.dropFirst().starts(with: $0) }.map { $0.count + 1 }
}
