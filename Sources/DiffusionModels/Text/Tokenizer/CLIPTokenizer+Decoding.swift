import Foundation

extension CLIPTokenizer {
    /// The text of token ids, as transformers' `decode` gives it: a space after every word, none at the ends, special tokens by
    /// name. Invalid UTF-8 becomes U+FFFD; ids that are not in the vocabulary are skipped.
    public func decode(_ ids: [Int]) -> String {
        var bytes: [UInt8] = []
        for id in ids {
            guard names.indices.contains(id), let name = names[id] else { continue }
            let plain = name.compactMap { Self.bytes[$0] }
            bytes += plain.count == name.count ? plain : Array(name.utf8)
        }
        // Replaced in bytes, because a combining mark after the word's end would join it as one character.
        bytes.replace("</w>".utf8, with: " ".utf8)
        var trimmed = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars).drop { $0.isPythonSpace }
        while trimmed.last?.isPythonSpace == true { trimmed.removeLast() }
        return String(decoding: utf8(trimmed), as: UTF8.self)
    }

    /// The byte that each character of the alphabet represents.
    private static let bytes: [Character: UInt8] = Dictionary(
        uniqueKeysWithValues: BytePairEncoding.byteCharacters.enumerated().map { ($1, UInt8($0)) })
}

extension Unicode.Scalar {
    /// Whether Python's `strip` removes it.
    fileprivate var isPythonSpace: Bool { properties.isWhitespace || (0x1c...0x1f).contains(value) }
}
