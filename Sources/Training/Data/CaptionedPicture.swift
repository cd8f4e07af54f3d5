/// A picture's captions at three levels of detail, as a line of `metadata.jsonl` has them.
public struct CaptionedPicture: Codable, Sendable, Equatable {
    /// What a picture is for.
    public enum Split: String, Codable, Sendable {
        /// Networks learn from it.
        case train
        /// Networks never see it, though they see each part of its caption with others.
        case heldOut = "held-out"
    }

    /// The picture's file, relative to the folder.
    public let fileName: String
    /// Its name, the closest caption.
    public let text: String
    /// Words that fit it and others.
    public let keywords: [String]
    /// What it is one of, such as "an animal"; nil without a group.
    public let group: String?
    /// What it is for.
    public let split: Split
    /// How often it is drawn beside one of weight 1.
    public let weight: Double

    /// A picture of these captions.
    public init(
        fileName: String, text: String, keywords: [String] = [], group: String? = nil, split: Split = .train,
        weight: Double = 1
    ) {
        (self.fileName, self.text, self.keywords, self.group) = (fileName, text, keywords, group)
        (self.split, self.weight) = (split, weight)
    }

    private enum CodingKeys: String, CodingKey {
        case fileName = "file_name"
        case text, keywords, group, split, weight
    }

    /// Reads a line; only `file_name` and `text` must be there. Throws `DecodingError`.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        fileName = try fields.decode(String.self, forKey: .fileName)
        text = try fields.decode(String.self, forKey: .text)
        keywords = try fields.decodeIfPresent([String].self, forKey: .keywords) ?? []
        group = try fields.decodeIfPresent(String.self, forKey: .group)
        split = try fields.decodeIfPresent(Split.self, forKey: .split) ?? .train
        weight = try fields.decodeIfPresent(Double.self, forKey: .weight) ?? 1
        guard weight.isFinite, weight >= 0 else {
            throw DecodingError.dataCorruptedError(
                forKey: .weight, in: fields, debugDescription: "expected a number from 0, found \(weight)")
        }
    }
}
