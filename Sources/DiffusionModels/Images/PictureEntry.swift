/// An image file and its captions at three levels of detail: a line of `metadata.jsonl`, the list of a folder's images.
public struct PictureEntry: Sendable, Equatable {
    /// The image file, relative to the folder.
    public let fileName: String
    /// The most specific caption; nil if there is none.
    public var text: String?
    /// Keywords, which other images may share.
    public var keywords: [String]
    /// The group that the image belongs to, such as "an animal".
    public var group: String?
    /// What the image shows, by kind, such as "ink": "red"; images of one caption may differ in attributes that it does not name.
    public var attributes: [String: String]
    /// The data split, such as "train".
    public var split: String?
    /// The sampling weight: how often the image is sampled relative to one of weight 1.
    public var weight: Double

    /// An entry with these captions.
    public init(
        fileName: String, text: String? = nil, keywords: [String] = [], group: String? = nil,
        attributes: [String: String] = [:], split: String? = nil, weight: Double = 1
    ) {
        (self.fileName, self.text, self.keywords, self.group) = (fileName, text, keywords, group)
        (self.attributes, self.split, self.weight) = (attributes, split, weight)
    }
}

extension PictureEntry: Codable {
    private enum CodingKeys: String, CodingKey {
        case fileName = "file_name"
        case text, keywords, group, attributes, split, weight
    }

    /// Reads a line; only `file_name` is required. Throws `DecodingError`.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        fileName = try fields.decode(String.self, forKey: .fileName)
        text = try fields.decodeIfPresent(String.self, forKey: .text)
        keywords = try fields.decodeIfPresent([String].self, forKey: .keywords) ?? []
        group = try fields.decodeIfPresent(String.self, forKey: .group)
        attributes = try fields.decodeIfPresent([String: String].self, forKey: .attributes) ?? [:]
        split = try fields.decodeIfPresent(String.self, forKey: .split)
        weight = try fields.decodeIfPresent(Double.self, forKey: .weight) ?? 1
        guard weight.isFinite, weight >= 0 else {
            throw DecodingError.dataCorruptedError(
                forKey: .weight, in: fields, debugDescription: "expected a number from 0, found \(weight)")
        }
    }

    /// Writes the fields that differ from the defaults.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(fileName, forKey: .fileName)
        try fields.encodeIfPresent(text, forKey: .text)
        if !keywords.isEmpty { try fields.encode(keywords, forKey: .keywords) }
        try fields.encodeIfPresent(group, forKey: .group)
        if !attributes.isEmpty { try fields.encode(attributes, forKey: .attributes) }
        try fields.encodeIfPresent(split, forKey: .split)
        if weight != 1 { try fields.encode(weight, forKey: .weight) }
    }
}
