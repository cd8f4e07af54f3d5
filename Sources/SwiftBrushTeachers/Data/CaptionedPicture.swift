import DiffusionModels

/// A picture's captions at three levels of detail.
public struct CaptionedPicture: Sendable, Equatable {
    /// The split of the data set that a picture belongs to.
    public enum Split: String, CaseIterable, Sendable {
        /// Used for training.
        case train
        /// Never used for training, though each part of the caption occurs there in other combinations.
        case heldOut = "held-out"
    }

    /// The picture's file, relative to the folder.
    public let fileName: String
    /// The picture's name, the most specific caption.
    public let text: String
    /// Words that describe this picture and others.
    public let keywords: [String]
    /// The group that the picture belongs to, such as "an animal"; nil without a group.
    public let group: String?
    /// The split that the picture belongs to.
    public let split: Split
    /// How often the picture is sampled, relative to one of weight 1.
    public let weight: Double

    /// Creates the captions of a picture.
    public init(
        fileName: String, text: String, keywords: [String] = [], group: String? = nil, split: Split = .train,
        weight: Double = 1
    ) {
        (self.fileName, self.text, self.keywords, self.group) = (fileName, text, keywords, group)
        (self.split, self.weight) = (split, weight)
    }
}

extension CaptionedPicture {
    /// Converts an entry of a list. Throws `PictureList.Error` for an entry without text or with an unknown split.
    init(_ entry: PictureEntry, number index: Int, of list: PictureList) throws(PictureList.Error) {
        guard let text = entry.text else {
            throw list.error(inEntry: index, expected: "text, the name of \(entry.fileName)", found: "none")
        }
        guard let split = Split(rawValue: entry.split ?? Split.train.rawValue) else {
            let names = Split.allCases.map(\.rawValue).joined(separator: " or ")
            throw list.error(inEntry: index, expected: "the split \(names)", found: entry.split ?? "none")
        }
        self.init(
            fileName: entry.fileName, text: text, keywords: entry.keywords, group: entry.group, split: split,
            weight: entry.weight)
    }

    /// The picture's entry in a `PictureList`.
    var entry: PictureEntry {
        PictureEntry(
            fileName: fileName, text: text, keywords: keywords, group: group, split: split.rawValue, weight: weight)
    }
}
