import Tensor

/// How often a picture is learned under its name, under some of its keywords, under its group, and under nothing.
///
/// With names alone every caption has one picture. The coarser captions have many: they make the model's pictures differ, and
/// its diversity something to measure.
public struct CaptionMix: Codable, Sendable, Equatable {
    /// How often the caption is empty, as classifier-free guidance needs.
    public var emptyRate = 0.1
    /// Of the rest, how often it is the group, where there is one.
    public var groupShare = 0.15
    /// Of the rest, how often it is keywords, where there are any.
    public var keywordShare = 0.15
    /// The most keywords in one caption.
    public var largestKeywordCount = 3
    /// How often a name stands in a phrase such as "a picture of a red heart".
    public var phraseShare = 0.5

    /// Mostly names.
    public init() {}

    /// A picture's caption, drawn from `stream`.
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

    /// Every text that a caption of the picture may be made of, for learning a tokenizer: the longest phrase, the keywords and
    /// the group.
    public func vocabulary(of picture: CaptionedPicture) -> [String] {
        ["the \(picture.text)", "a picture of an \(picture.text)", picture.keywords.joined(separator: ", ")]
            + [picture.group].compactMap { $0 }
    }
}
