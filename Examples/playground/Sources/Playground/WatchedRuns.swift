import Foundation

/// The runs of a folder, as distill and train-teacher write them.
struct WatchedRuns: Sendable {
    /// Nil for none.
    let folder: URL?

    /// The most points of a curve: longer ones are thinned.
    private static let mostPoints = 400

    /// A run's curves and the name of its newest sample grid.
    struct State: Encodable {
        struct Curve: Encodable {
            let name: String
            var points: [[Double]]
        }

        var curves: [Curve]
        let sheet: String?
    }

    /// The names of the folders that contain metrics.
    func names() -> [String] {
        guard let folder, let found = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else {
            return []
        }
        return found.sorted().filter {
            FileManager.default.fileExists(atPath: folder.appending(path: "\($0)/metrics.jsonl").path)
        }
    }

    /// Throws ``RequestError`` for a name that is none of ``names()``.
    func state(of name: String) throws -> State {
        let run = try url(of: name)
        var (order, points) = ([String](), [String: [[Double]]]())
        let lines = try String(contentsOf: run.appending(path: "metrics.jsonl"), encoding: .utf8).split(separator: "\n")
        let every = max(1, (lines.count + Self.mostPoints - 1) / Self.mostPoints)
        for (index, line) in lines.enumerated() where index % every == 0 || index == lines.count - 1 {
            guard let fields = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let step = fields["step"] as? Int
            else { continue }
            for (field, value) in fields.sorted(by: { $0.key < $1.key })
            where !["step", "samplesSeen", "peakBytes"].contains(field) {
                guard let number = (value as? NSNumber)?.doubleValue, number.isFinite else { continue }
                if points[field] == nil { order.append(field) }
                points[field, default: []].append([Double(step), number])
            }
        }
        return State(
            curves: order.map { .init(name: Self.words($0), points: points[$0] ?? []) }, sheet: sheets(of: run).last)
    }

    /// The PNG file of a sample grid. Throws ``RequestError`` for a name that is none of the run's.
    func sheet(_ sheet: String, of name: String) throws -> Data {
        let run = try url(of: name)
        guard sheets(of: run).contains(sheet) else {
            throw RequestError(status: .notFound, message: "no sample grid of this name")
        }
        return try Data(contentsOf: run.appending(path: "sheets/\(sheet)"))
    }

    /// Only names that are listed become paths.
    private func url(of name: String) throws -> URL {
        guard let folder, names().contains(name) else {
            throw RequestError(status: .notFound, message: "no run of this name")
        }
        return folder.appending(path: name)
    }

    private func sheets(of run: URL) -> [String] {
        let found = try? FileManager.default.contentsOfDirectory(atPath: run.appending(path: "sheets").path)
        return (found ?? []).filter { $0.hasPrefix("step-") && $0.hasSuffix(".png") }.sorted()
    }

    /// "student gradient norm" for "studentGradientNorm".
    private static func words(_ name: String) -> String {
        name.reduce(into: "") { text, character in
            text += character.isUppercase ? " \(character.lowercased())" : "\(character)"
        }
    }
}
