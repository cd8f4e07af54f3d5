import DiffusionModels

/// A request for an image.
struct PictureQuery {
    let model: ServedModel
    let prompt: String
    let seed: UInt64
    let sampling: PictureSampling

    /// The longest prompt in bytes.
    private static let longestPrompt = 4096

    /// Throws ``RequestError`` for a text that is longer than prompts may be.
    static func check(_ text: String, _ parameter: String) throws {
        guard text.utf8.count <= longestPrompt else {
            throw RequestError.invalid(parameter, "at most \(longestPrompt) bytes", "\(text.utf8.count)")
        }
    }

    init(model: ServedModel, prompt: String, seed: UInt64, sampling: PictureSampling) throws {
        try Self.check(prompt, "prompt")
        (self.model, self.prompt, self.seed, self.sampling) = (model, prompt, seed, sampling)
    }

    /// The parameters of a query: prompt, and optionally seed, model, steps and guidance. Throws ``RequestError`` for one out of range.
    init(_ query: [String: String], _ models: ServedModels) throws {
        let model = try models.named(query["model"])
        try self.init(
            model: model, prompt: text("prompt", of: query), seed: number("seed", of: query) ?? 0,
            sampling: model.sampling(
                steps: number("steps", of: query),
                guidanceScale: number("guidance", of: query, "a number from 0 to 30") { (0...30).contains($0) }))
    }

    func picture() async throws -> Picture { try await model.server.picture(for: prompt, seed: seed, sampling) }

    /// What the image's file says of it.
    var record: [String: String] {
        sampling.record.merging(["prompt": prompt, "seed": "\(seed)", "model": model.name]) { $1 }
    }
}

/// A request for a strip of images between two prompts and seeds.
struct StripQuery {
    private let model: ServedModel
    private let ends: [(prompt: String, seed: UInt64)]

    /// The images of a strip.
    private static let count = 8

    /// The parameters of a query: from, to, and optionally seed, to-seed and model. Throws ``RequestError`` for one out of range.
    init(_ query: [String: String], _ models: ServedModels) throws {
        model = try models.named(query["model"])
        guard model.isStudent else { throw RequestError.invalid("model", "a one-step student", model.name) }
        ends = [
            (try text("from", of: query), try number("seed", of: query) ?? 0),
            (try text("to", of: query), try number("to-seed", of: query) ?? 0),
        ]
    }

    func picture() async throws -> Picture {
        let latents = try await model.server.model.latents(from: ends[0], to: ends[1], count: Self.count)
        return try await .grid(model.server.model.pictures(from: latents), columns: Self.count)
    }

    /// What the image's file says of it.
    var record: [String: String] {
        [
            "prompts": ends.map(\.prompt).joined(separator: "\n"),
            "seeds": ends.map { "\($0.seed)" }.joined(separator: " "),
        ]
    }
}

/// A text of a query.
private func text(_ name: String, of query: [String: String]) throws -> String {
    guard let text = query[name] else { throw RequestError.invalid(name, "a text", "none") }
    try PictureQuery.check(text, name)
    return text
}

/// A number of a query, nil if there is none.
private func number<Number: LosslessStringConvertible>(
    _ name: String, of query: [String: String], _ expected: String = "a whole number of at least 0",
    where isValid: (Number) -> Bool = { _ in true }
) throws -> Number? {
    guard let text = query[name] else { return nil }
    guard let number = Number(text), isValid(number) else { throw RequestError.invalid(name, expected, text) }
    return number
}
