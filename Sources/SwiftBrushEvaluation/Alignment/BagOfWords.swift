import Tensor

/// A vocabulary that represents each caption as the set of its words, without order, inflection or context.
struct BagOfWords: Sendable {
    /// The vocabulary, without duplicates.
    let words: [String]
    private let numbers: [String: Int]

    init(_ words: [String]) {
        self.words = words
        numbers = Dictionary(words.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// A text's words: runs of letters and digits in lower case.
    static func words(of text: String) -> [String] {
        text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    }

    /// The vocabulary indices of a text's words; other words are ignored.
    func numbers(in text: String) -> Set<Int> { Set(Self.words(of: text).compactMap { numbers[$0] }) }

    /// The words of the texts that are not in the vocabulary, sorted, without duplicates.
    func unknownWords(in texts: [String]) -> [String] {
        Set(texts.flatMap(Self.words)).filter { numbers[$0] == nil }.sorted()
    }

    /// Bags as rows of zeros and ones, `[bags, words]`.
    func matrix(_ bags: [Set<Int>]) -> Tensor {
        var rows = Tensor.zeros([bags.count, words.count])
        rows.withUnsafeMutableScalars { scalars in
            for (row, bag) in bags.enumerated() {
                for number in bag { scalars[row * words.count + number] = 1 }
            }
        }
        return rows
    }
}
