import DiffusionModels
import Foundation
import Tensor

/// The sample grids of a run in its report: the newest, what changed since the one before, and earlier ones.
struct SampleGrids {
    /// The maximum number of grids: the last one, and others evenly spaced before it.
    private static let limit = 12
    /// The factor by which the difference of two grids is strengthened.
    private static let strength = 3

    private let files: [URL]

    /// The grids in a run's folder, of which there may be none.
    init(in run: URL) {
        let folder = run.appending(path: "sheets")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.sorted() ?? []
        files = names.filter { $0.hasSuffix(".png") }.map { folder.appending(path: $0) }
    }

    /// HTML elements, earlier grids collapsed. Throws `FileError`.
    func elements() throws -> [String] {
        let count = min(Self.limit, files.count)
        let shown = (0..<count).map { files[files.count - 1 - $0 * files.count / count] }
        var elements = try shown.enumerated().map { index, file in
            let image = image(try FileContents.read(file), "sample grid of \(title(of: file))")
            if index == 0 {
                return "<figure>\(image)<figcaption>\(title(of: file).escapedForHTML)</figcaption></figure>"
            }
            return "<details><summary>\(title(of: file).escapedForHTML)</summary>\(image)</details>"
        }
        if files.count > 1, let change = change(from: files[files.count - 2], to: files[files.count - 1]) {
            elements.insert(change, at: 1)
        }
        return elements
    }

    /// What changed between two grids; nil if they are not pictures of one size.
    private func change(from old: URL, to new: URL) -> String? {
        guard let before = try? Picture(contentsOf: old), let after = try? Picture(contentsOf: new),
            (before.width, before.height) == (after.width, after.height)
        else { return nil }
        let differences = zip(before.pixels, after.pixels).map { abs(Int($0) - Int($1)) }
        let mean = Double(differences.reduce(0, +)) / Double(differences.count)
        // White where nothing changed.
        let pixels = differences.map { UInt8(255 - min(255, Self.strength * $0)) }
        guard let picture = try? Picture(width: after.width, height: after.height, pixels: pixels),
            let data = try? PNG.encode(picture)
        else { return nil }
        let title = "What changed from \(title(of: old)) to \(title(of: new))"
        let amount = String(format: "%.1f of 255 levels in the mean", mean)
        return "<details><summary>\(title.escapedForHTML): \(amount)</summary>\(image(data, title))</details>"
    }

    private func image(_ data: Data, _ text: String) -> String {
        "<img alt=\"\(text.escapedForHTML)\" src=\"data:image/png;base64,\(data.base64EncodedString())\">"
    }

    /// "step 200" for `step-0000200.png`.
    private func title(of file: URL) -> String {
        let name = file.deletingPathExtension().lastPathComponent
        return Int(name.replacing("step-", with: "")).map { "step \($0)" } ?? name
    }
}
