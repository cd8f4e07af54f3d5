import Tensor

/// The proportions in which training captions are a picture's name, some of its keywords, its group, or empty.
///
/// A name describes one picture. The coarser captions describe many: they make the model's images differ, so that its
/// diversity can be measured.
public struct CaptionMix: Codable, Sendable, Equatable {
    /// The share of empty captions, which classifier-free guidance needs.
    public var emptyRate = 0.1
    /// The share of the other captions that are the group, if the picture has one.
    public var groupShare = 0.15
    /// The share of the other captions that are keywords, if the picture has any.
    public var keywordShare = 0.15
    /// The maximum number of keywords in one caption.
    public var largestKeywordCount = 3
    /// The share of names that are part of a phrase such as "a picture of a red heart".
    public var phraseShare = 0.5

    /// Creates the default mix, mostly names.
    public init() {}

    /// Throws ``TrainingError`` for a setting that is out of range.
    func validate() throws {
        for (name, share) in [
            ("emptyRate", emptyRate), ("groupShare", groupShare), ("keywordShare", keywordShare),
            ("phraseShare", phraseShare),
        ] {
            try TrainingError.check((0...1).contains(share), "captions.\(name)", expected: "0 to 1", found: share)
        }
        try TrainingError.check(
            (1...1_000_000).contains(largestKeywordCount), "captions.largestKeywordCount",
            expected: "1 to 1000000", found: largestKeywordCount)
    }

    /// Samples a picture's caption with random numbers from `stream`.
    public func caption(of picture: CaptionedPicture, using stream: inout RandomStream) -> String {
        if Double(stream.unit()) < emptyRate { return "" }
        let level = Double(stream.unit())
        if level < groupShare, let group = picture.group { return group }
        if level > 1 - keywordShare, !picture.keywords.isEmpty {
            let count = min(stream.integer(in: 1..<largestKeywordCount + 1), picture.keywords.count)
            let order = stream.permutation(picture.keywords.count)
            return order.prefix(count).map { picture.keywords[$0] }.joined(separator: ", ")
        }
        guard Double(stream.unit()) < phraseShare else { return picture.text }
        let article = picture.text.first.map { "aeiou".contains($0.lowercased()) } == true ? "an" : "a"
        switch stream.integer(in: 0..<4) {
        case 0: return "the \(picture.text)"
        case 1: return "a picture of \(article) \(picture.text)"
        default: return "\(article) \(picture.text)"
        }
    }

    /// The texts that captions of the picture can consist of, for training a tokenizer: the longest phrases, the keywords and
    /// the group.
    public func vocabulary(of picture: CaptionedPicture) -> [String] {
        ["the \(picture.text)", "a picture of an \(picture.text)", picture.keywords.joined(separator: ", ")]
            + [picture.group].compactMap { $0 }
    }
}
