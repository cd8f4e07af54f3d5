import Foundation
import Tensor

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

    /// A candidate merge within a word, ordered by rank, then by position from the left.
    private struct QueuedMerge: Comparable {
        let rank: Int
        let place: Int

        static func < (a: QueuedMerge, b: QueuedMerge) -> Bool { (a.rank, a.place) < (b.rank, b.place) }
    }

    private static let wordEnd = "</w>"
    private static let cacheLimit = 65_536
    private static let cachedLength = 64

    private var merges: [Pair: Merge] = [:]
    /// The ids of the 256 bytes inside a word (`inner`) and at its end (`last`).
    private let inner: [Int]
    private let last: [Int]
    private let cache = WordCache()

    /// - Parameters:
    ///   - files: the vocabulary and the merges.
    ///   - unknown: the id for bytes that are not in the vocabulary.
    ///
    /// Throws ``ModelError`` when the merges are malformed or name a token that is not in the vocabulary.
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

    /// Repeatedly merges the neighbouring pair with the lowest rank, leftmost first, until no pair has a rank.
    private func merged(_ word: [UInt8]) -> [Int] {
        // The tokens form a linked list over byte positions; a merge leaves the right token's position empty.
        var ids: [Int?] = word.enumerated().map { index, byte in (index == word.count - 1 ? last : inner)[Int(byte)] }
        var following = Array(1...max(word.count, 1))
        var preceding = Array(-1..<max(word.count, 1) - 1)
        var queue = MinimumHeap<QueuedMerge>()
        func merge(at place: Int) -> Merge? {
            guard place >= 0, following[place] < ids.count, let left = ids[place], let right = ids[following[place]]
            else { return nil }
            return merges[Pair(left: left, right: right)]
        }
        for place in word.indices {
            if let found = merge(at: place) { queue.insert(QueuedMerge(rank: found.rank, place: place)) }
        }
        while let next = queue.popMinimum() {
            let place = next.place
            // A queued pair is stale if one of its tokens has been merged with another neighbour.
            guard let found = merge(at: place), found.rank == next.rank else { continue }
            let absorbed = following[place]
            (ids[place], ids[absorbed]) = (found.result, nil)
            following[place] = following[absorbed]
            if following[place] < ids.count { preceding[following[place]] = place }
            for place in [preceding[place], place] {
                if let new = merge(at: place) { queue.insert(QueuedMerge(rank: new.rank, place: place)) }
            }
        }
        return ids.compactMap { $0 }
    }

    /// A printable character for every byte: the byte itself if it is printable Latin-1, otherwise the next one from U+0100 on.
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

/// A cache of words' ids, shared by all copies of a tokenizer.
private final class WordCache: Sendable {
    let words = Lock<[[UInt8]: [Int]]>([:])
}
