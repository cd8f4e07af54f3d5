import DiffusionModels

/// A picture's captions at three levels of detail.
public struct CaptionedPicture: Sendable, Equatable {
    /// What a picture is for.
    public enum Split: String, CaseIterable, Sendable {
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
}

extension CaptionedPicture {
    /// A list's entry as training needs it. Throws `PictureList.Error` for one without text, or of another split.
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

    /// The picture as a list has it.
    var entry: PictureEntry {
        PictureEntry(
            fileName: fileName, text: text, keywords: keywords, group: group, split: split.rawValue, weight: weight)
    }
}
