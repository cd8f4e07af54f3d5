import Foundation
import Synchronization

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
    private static let cacheLimit = 65_536
    private static let cachedLength = 64

    private var merges: [Pair: Merge] = [:]
    /// The ids of the 256 bytes inside a word, and at its end.
    private let inner: [Int]
    private let last: [Int]
    private let cache = WordCache()

    /// - Parameters:
    ///   - files: the vocabulary and the merges.
    ///   - unknown: the id that stands for a byte that the vocabulary lacks.
    ///
    /// Throws ``ModelError`` when the merges are malformed, or name a token that the vocabulary lacks.
    init(_ files: TokenizerFiles, unknown: Int) throws {
        let (vocabulary, characters) = (files.vocabulary, Self.byteCharacters.map(String.init))
        inner = characters.map { vocabulary[$0] ?? unknown }
        last = characters.map { vocabulary[$0 + Self.wordEnd] ?? unknown }
        merges.reserveCapacity(files.merges.count)
        for (rank, merge) in files.merges.enumerated() {
            guard let left = vocabulary[merge.left], let right = vocabulary[merge.right],
                let result = vocabulary[merge.left + merge.right]
            else {
                throw files.invalidMerge(
                    rank, expected: "tokens of the vocabulary, merged too", found: "\(merge.left) \(merge.right)")
            }
            let pair = Pair(left: left, right: right)
            if merges[pair] == nil { merges[pair] = Merge(rank: rank, result: result) }
        }
    }

    /// The ids of one word's bytes.
    func tokens(of word: [UInt8]) -> [Int] {
        if let known = cache.words.withLock({ $0[word] }) { return known }
        let ids = merged(word)
        if word.count <= Self.cachedLength {
            cache.words.withLock { words in if words.count < Self.cacheLimit { words[word] = ids } }
        }
        return ids
    }

    /// The pair of the lowest rank is merged wherever it stands, until there is none: a merge makes only pairs of higher
    /// rank, so that this is the order of merging one by one.
    private func merged(_ word: [UInt8]) -> [Int] {
        var ids = word.enumerated().map { index, byte in (index == word.count - 1 ? last : inner)[Int(byte)] }
        var found = zip(ids, ids.dropFirst()).map { merges[Pair(left: $0, right: $1)] }
        while let best = found.lazy.compactMap({ $0 }).min(by: { $0.rank < $1.rank }) {
            var (index, end) = (0, 0)
            while index < ids.count {
                let isMerged = index < found.count && found[index]?.rank == best.rank
                ids[end] = isMerged ? best.result : ids[index]
                // What is to the right of a merged pair has changed for both neighbours.
                let following = index + (isMerged ? 2 : 1)
                if isMerged, end > 0 { found[end - 1] = merges[Pair(left: ids[end - 1], right: ids[end])] }
                if following < ids.count {
                    found[end] =
                        isMerged ? merges[Pair(left: ids[end], right: ids[following])] : found[following - 1]
                }
                (index, end) = (following, end + 1)
            }
            ids.removeLast(ids.count - end)
            found.removeLast(found.count - (end - 1))
        }
        return ids
    }

    /// A printable character for every byte: itself where it is printable Latin-1, or else the next from U+0100 on.
    static let byteCharacters: [Character] = {
        var next: UInt32 = 0x100
        return (UInt32(0)..<256).compactMap { byte in
            let isPrintable = (0x21...0x7e).contains(byte) || (0xa1...0xff).contains(byte) && byte != 0xad
            let code = isPrintable ? byte : next
            if !isPrintable { next += 1 }
            return Unicode.Scalar(code).map(Character.init)
        }
    }()
}

/// The ids of words that were met before, shared by all copies of a tokenizer.
private final class WordCache: Sendable {
    let words = Mutex<[[UInt8]: [Int]]>([:])
}
