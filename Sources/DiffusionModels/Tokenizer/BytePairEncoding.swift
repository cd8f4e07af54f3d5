import Foundation

/// Merges the bytes of a word by rank (arXiv 1508.07909), on GPT-2's alphabet of printable stand-ins for bytes.
struct BytePairEncoding: Sendable {
    private struct Pair: Hashable {
        let left: Int
        let right: Int
    }

    private struct Merge {
        let rank: Int
        let result: Int
    }

    private static let wordEnd = "</w>"
    private var merges: [Pair: Merge] = [:]
    /// The ids of the 256 bytes inside a word, and at its end; nil where the vocabulary lacks one.
    private let inner: [Int?]
    private let last: [Int?]

    /// Throws ``ModelError`` when `merges` is missing, malformed, or names a token that the vocabulary lacks.
    init(vocabulary: [String: Int], merges file: URL) throws {
        let characters = Self.byteCharacters
        inner = characters.map { vocabulary[$0] }
        last = characters.map { vocabulary[$0 + Self.wordEnd] }
        let data = try ModelError.reading(file, purpose: "the tokenizer's merges")
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() where !line.isEmpty && !(number == 0 && line.hasPrefix("#version")) {
            let parts = line.split(separator: " ").map(String.init)
            guard parts.count == 2 else {
                throw ModelError.invalidField(
                    file: file.path, field: "line \(number + 1)", expected: "two tokens with a space between",
                    found: "\"\(line.prefix(80))\"")
            }
            guard let left = vocabulary[parts[0]], let right = vocabulary[parts[1]],
                let result = vocabulary[parts[0] + parts[1]]
            else {
                throw ModelError.invalidField(
                    file: file.path, field: "line \(number + 1)", expected: "tokens of vocab.json, merged too",
                    found: "\"\(line.prefix(80))\"")
            }
            let pair = Pair(left: left, right: right)
            if merges[pair] == nil { merges[pair] = Merge(rank: number, result: result) }
        }
    }

    /// The ids of one word.
    func tokens(of word: String, unknown: Int) -> [Int] {
        let bytes = Array(word.utf8)
        var ids = bytes.enumerated().map { index, byte in
            (index == bytes.count - 1 ? last : inner)[Int(byte)] ?? unknown
        }
        while let next = firstBestMerge(in: ids) {
            ids.replaceSubrange(next.index...next.index + 1, with: [next.result])
        }
        return ids
    }

    private func firstBestMerge(in ids: [Int]) -> (index: Int, result: Int)? {
        var best: (index: Int, merge: Merge)?
        for index in ids.indices.dropLast() {
            guard let merge = merges[Pair(left: ids[index], right: ids[index + 1])] else { continue }
            if best.map({ merge.rank < $0.merge.rank }) ?? true { best = (index, merge) }
        }
        return best.map { ($0.index, $0.merge.result) }
    }

    /// A printable character for every byte: itself where it is printable Latin-1, or else the next from U+0100 on.
    private static var byteCharacters: [String] {
        var next: UInt32 = 0x100
        return (UInt32(0)..<256).map { byte in
            let isPrintable = (0x21...0x7e).contains(byte) || (0xa1...0xff).contains(byte) && byte != 0xad
            let code = isPrintable ? byte : next
            if !isPrintable { next += 1 }
            return Unicode.Scalar(code).map { String(Character($0)) } ?? ""
        }
    }
}
