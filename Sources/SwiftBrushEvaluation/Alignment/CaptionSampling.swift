import DiffusionModels
import Tensor

/// Samples captions of different levels of detail for a set of pictures.
struct CaptionSampling {
    let bag: BagOfWords
    private let names: [Set<Int>]
    private let keywords: [[Set<Int>]]
    private let groups: [Set<Int>?]
    /// All words of each picture, `[pictures, words]`.
    private let known: Tensor

    init(_ entries: [PictureEntry]) {
        let texts = entries.map { [$0.text, $0.group].compactMap { $0 } + $0.keywords }
        let bag = BagOfWords(Set(texts.joined().flatMap(BagOfWords.words)).sorted())
        self.bag = bag
        names = entries.map { bag.numbers(in: $0.text ?? "") }
        keywords = entries.map { $0.keywords.map(bag.numbers) }
        groups = entries.map { $0.group.map(bag.numbers) }
        known = bag.matrix(texts.map { $0.reduce(into: []) { $0.formUnion(bag.numbers(in: $1)) } })
    }

    /// Samples one caption per picture as bags of words, with a matrix `[captions, pictures]` of the pictures that each one fits.
    func sample(using stream: inout RandomStream) -> (bags: Tensor, answers: Tensor) {
        let words = names.indices.map { index -> Set<Int> in
            let (kind, keywords) = (stream.unit(), keywords[index])
            if kind < 0.15, let group = groups[index] { return group }
            if kind < 0.4, !keywords.isEmpty {
                let count = stream.integer(in: 1..<keywords.count + 1)
                return stream.permutation(keywords.count).prefix(count).reduce(into: []) { $0.formUnion(keywords[$1]) }
            }
            if kind < 0.5, !keywords.isEmpty {
                return names[index].union(keywords[stream.integer(in: 0..<keywords.count)])
            }
            return names[index]
        }
        let bags = bag.matrix(words)
        var answers = bags.matmul(known, transposingOther: true)
        let columns = names.count
        answers.withUnsafeMutableScalars { scalars in
            // A caption fits a picture if the picture has all of its words.
            for index in scalars.indices {
                scalars[index] = Int(scalars[index]) == words[index / columns].count ? 1 : 0
            }
        }
        return (bags, answers)
    }
}
