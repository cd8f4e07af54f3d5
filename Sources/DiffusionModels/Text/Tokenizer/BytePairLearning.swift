/// Learns byte-pair merges: the most frequent pair of neighbouring tokens is merged repeatedly (arXiv 1508.07909).
///
/// Pairs are counted once, and a merge updates the counts at its own positions only. All merges together take O(n log n) time for a
/// text of length n, whatever its words are.
struct BytePairLearning {
    private struct Pair: Hashable {
        let left: Int
        let right: Int
    }

    /// How often a pair occurs, weighted by the frequency of its word, and the positions where it was found.
    private struct Occurrences {
        var count = 0
        var places: [Int] = []
    }

    /// A candidate pair, in merge order: the most frequent first, then by ids.
    private struct Candidate: Comparable {
        let count: Int
        let pair: Pair

        static func < (a: Candidate, b: Candidate) -> Bool {
            (b.count, a.pair.left, a.pair.right) < (a.count, b.pair.left, b.pair.right)
        }
    }

    /// The token at each position, -1 if it was merged into the one before it.
    private var tokens: [Int] = []
    /// The neighbouring positions of each position in its word, -1 at the word's ends.
    private var following: [Int] = []
    private var preceding: [Int] = []
    /// The frequency of the word at each position.
    private var weights: [Int] = []
    private var pairs: [Pair: Occurrences] = [:]
    private var candidates = MinimumHeap<Candidate>()
    /// The tokens' names by id.
    private(set) var names: [String]
    private var ids: [String: Int]
    private(set) var merges: [(left: String, right: String)] = []

    init(_ captions: some Sequence<String>) {
        var counts: [[UInt8]: Int] = [:]
        for caption in captions {
            for word in words(normalizedForCLIP(caption.unicodeScalars)[...]) { counts[word, default: 0] += 1 }
        }
        let bytes = BytePairEncoding.byteCharacters.map(String.init)
        names = bytes + bytes.map { $0 + "</w>" }
        ids = Dictionary(uniqueKeysWithValues: zip(names, 0...))
        for (word, count) in counts {
            let start = tokens.count
            tokens += word.enumerated().map { Int($1) + ($0 == word.count - 1 ? bytes.count : 0) }
            weights += Array(repeating: count, count: word.count)
            following += word.indices.map { $0 == word.count - 1 ? -1 : start + $0 + 1 }
            preceding += word.indices.map { $0 == 0 ? -1 : start + $0 - 1 }
        }
        for place in tokens.indices { count(at: place, 1) }
        for (pair, found) in pairs { candidates.insert(Candidate(count: found.count, pair: pair)) }
    }

    /// Merges the most frequent pair of neighbours into one token; false when no pair occurs twice.
    mutating func mergeMostFrequent() -> Bool {
        guard let pair = mostFrequent(), let places = pairs[pair]?.places else { return false }
        let name = names[pair.left] + names[pair.right]
        // Another pair may already have produced the same text.
        let token = ids[name] ?? names.count
        if token == names.count { names.append(name) }
        ids[name] = token
        merges.append((names[pair.left], names[pair.right]))
        var changed: Set<Pair> = []
        for place in places.sorted() where self.pair(at: place) == pair {
            let absorbed = following[place]
            let (before, after) = (preceding[place], following[absorbed])
            for neighbour in [before, place, absorbed] { count(at: neighbour, -1) }
            (tokens[place], tokens[absorbed]) = (token, -1)
            following[place] = after
            if after >= 0 { preceding[after] = place }
            for neighbour in [before, place] {
                count(at: neighbour, 1)
                if let new = self.pair(at: neighbour) { changed.insert(new) }
            }
        }
        pairs[pair] = nil
        for pair in changed {
            if let found = pairs[pair] { candidates.insert(Candidate(count: found.count, pair: pair)) }
        }
        return true
    }

    /// The pair to merge, nil when no pair occurs twice. Candidates whose count has fallen are reinserted with the current count.
    private mutating func mostFrequent() -> Pair? {
        while let best = candidates.popMinimum() {
            guard let found = pairs[best.pair]?.count, found >= 2 else { continue }
            if found == best.count { return best.pair }
            if found < best.count { candidates.insert(Candidate(count: found, pair: best.pair)) }
        }
        return nil
    }

    /// The token at a position and its right neighbour, nil at a word's end and at merged positions.
    private func pair(at place: Int) -> Pair? {
        guard place >= 0, tokens[place] >= 0, following[place] >= 0 else { return nil }
        return Pair(left: tokens[place], right: tokens[following[place]])
    }

    /// Adds the pair at a position to the counts (`sign` 1), or removes it (-1).
    private mutating func count(at place: Int, _ sign: Int) {
        guard let pair = pair(at: place) else { return }
        pairs[pair, default: Occurrences()].count += sign * weights[place]
        if sign > 0 { pairs[pair, default: Occurrences()].places.append(place) }
    }
}
