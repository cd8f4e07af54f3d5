import DiffusionModels

/// The formats and sizes of a folder's pictures, from the headers of their files.
struct PictureSurvey {
    private(set) var formats: [PictureFormat: Int] = [:]
    private(set) var widths: ClosedRange<Int>?
    private(set) var heights: ClosedRange<Int>?

    /// Reads the headers of a folder's files. Files without a readable header are not counted; they are reported when their pixels
    /// are read.
    init(of folder: PictureFolder) {
        for entry in folder.entries {
            guard let header = try? PictureHeader(contentsOf: folder.file(entry)) else { continue }
            formats[header.format, default: 0] += 1
            widths = Self.extended(widths, by: header.width)
            heights = Self.extended(heights, by: header.height)
        }
    }

    /// Warnings of differences in format or size from the reference, which affect metrics even for images of the same content.
    func warnings(against reference: PictureSurvey, comparesSizes: Bool) -> [String] {
        var warnings: [String] = []
        if formats.keys != reference.formats.keys {
            warnings.append(
                "images are \(formatText), the reference \(reference.formatText): JPEG compression counts as a difference"
            )
        }
        if comparesSizes, widths != reference.widths || heights != reference.heights {
            warnings.append(
                "images are \(sizeText), the reference \(reference.sizeText) pixels: resizing counts as a difference"
            )
        }
        return warnings
    }

    private var formatText: String {
        let sorted = formats.sorted { $0.key.rawValue < $1.key.rawValue }
        return sorted.count == 1
            ? sorted[0].key.rawValue : sorted.map { "\($0.value) \($0.key.rawValue)" }.joined(separator: " and ")
    }

    private var sizeText: String {
        func text(_ range: ClosedRange<Int>?) -> String {
            guard let range else { return "0" }
            return range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)–\(range.upperBound)"
        }
        return "\(text(widths)) × \(text(heights))"
    }

    private static func extended(_ range: ClosedRange<Int>?, by value: Int) -> ClosedRange<Int> {
        min(range?.lowerBound ?? value, value)...max(range?.upperBound ?? value, value)
    }
}
