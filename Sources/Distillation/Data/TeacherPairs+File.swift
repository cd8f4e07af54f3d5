import Foundation
import SwiftBrushRuntime
import Tensor

extension TeacherPairs {
    private enum Key {
        static let noise = "noise"
        static let pictures = "pictures"
        static let prompts = "prompts"
        static let rows = "rows"
    }

    /// Writes the pairs as safetensors: `noise` and `pictures`, `[count, height, width, channels]` in Float32; in the header's
    /// metadata `prompts`, a JSON list of strings, and `rows`, the index of each pair's prompt in that list.
    ///
    /// - Parameters:
    ///   - url: the file, which is written atomically.
    ///   - prompts: the training prompts.
    ///
    /// Throws what `Safetensors.write` throws.
    public func save(to url: URL, prompts: [String]) throws {
        func json(_ value: some Encodable) throws -> String {
            String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
        }
        try Safetensors.write(
            [(name: Key.noise, tensor: noise), (name: Key.pictures, tensor: pictures)],
            metadata: [Key.prompts: try json(prompts), Key.rows: try json(self.prompts)], to: url)
    }

    /// Reads saved pairs for training prompts that include all of theirs.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - prompts: the training prompts.
    ///
    /// Throws `SafetensorsError`, and `RunError.unsuitable(path:expected:found:)` when the file contains no pairs or
    /// has a prompt that is not among `prompts`.
    public init(contentsOf url: URL, prompts: [String]) throws {
        let file = try SafetensorsFile(contentsOf: url)
        func json<Value: Decodable>(_ key: String) throws -> Value {
            guard let text = file.metadata[key],
                let value = try? JSONDecoder().decode(Value.self, from: Data(text.utf8))
            else {
                throw RunError.unsuitable(path: url.path, expected: "\(key) of a teacher's pairs", found: "none")
            }
            return value
        }
        let (saved, rows): ([String], [Int]) = (try json(Key.prompts), try json(Key.rows))
        let (noise, pictures) = (try file.tensor(Key.noise), try file.tensor(Key.pictures))
        guard noise.rank == 4, noise.shape == pictures.shape, noise.count > 0, noise.shape[0] == rows.count,
            rows.allSatisfy(saved.indices.contains)
        else {
            throw RunError.unsuitable(
                path: url.path, expected: "\(rows.count) pairs of \(saved.count) prompts",
                found: "noise \(noise.shape), pictures \(pictures.shape), rows \(rows.min() ?? 0) to \(rows.max() ?? 0)"
            )
        }
        let broken = noise.nonFiniteCount() + pictures.nonFiniteCount()
        guard broken == 0 else {
            throw RunError.unsuitable(
                path: url.path, expected: "finite numbers", found: "\(broken) that are infinite or not a number")
        }
        let places = Dictionary(prompts.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let own = try rows.map { row in
            guard let place = places[saved[row]] else {
                throw RunError.unsuitable(
                    path: url.path, expected: "pairs of the \(prompts.count) prompts", found: "one of \"\(saved[row])\""
                )
            }
            return place
        }
        try self.init(noise: noise, pictures: pictures, prompts: own)
    }
}
