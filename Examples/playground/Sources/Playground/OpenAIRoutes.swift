import DiffusionModels
import Foundation
import Hummingbird

/// The routes of OpenAI's image interface: `/v1/images/generations` and `/v1/models`.
func addOpenAIRoutes(to router: Router<BasicRequestContext>, _ models: ServedModels, _ counts: RequestCounts) {
    router.get("v1/models") { _, _ in
        try json(ModelList(data: models.all.map { ModelList.Entry(id: $0.name) }))
    }
    router.post("v1/images/generations") { request, _ -> Response in
        do {
            // A client that disconnects cancels the request.
            let answer = try await request.body.consumeWithCancellationOnInboundClose { body in
                try await GenerationRequest(collecting: body).answer(by: models)
            }
            counts.count(.ok)
            return try json(answer)
        } catch {
            let refused = RequestError(error)
            if !(error is CancellationError) { counts.count(refused.status) }
            return try json(ErrorAnswer(error: .init(refused)), status: refused.status)
        }
    }
}

/// The body of a request for images. Fields that OpenAI has beside these have no meaning here and are ignored.
struct GenerationRequest {
    private var prompt: String
    private var model: String?
    private var count = 1
    private var seed: UInt64
    private var isLink = false

    /// The most images of one request.
    private static let largestCount = 16
    /// The largest body in bytes.
    private static let largestBody = 64 << 10

    /// Throws ``RequestError`` for a body that is too large, and as ``init(_:)``.
    fileprivate init(collecting parts: RequestBody) async throws {
        var body = Data()
        for try await part in parts {
            body.append(contentsOf: part.readableBytesView)
            guard body.count <= Self.largestBody else {
                throw RequestError(
                    status: .contentTooLarge, message: "expected a body of at most \(Self.largestBody) bytes")
            }
        }
        try self.init(body)
    }

    /// Throws ``RequestError`` for a body that is not JSON or has a field out of range.
    init(_ body: Data) throws {
        guard let fields = try? JSONSerialization.jsonObject(with: body) as? [String: Any] else {
            throw RequestError(status: .badRequest, message: "expected a JSON object")
        }
        func field<Value>(_ name: String, _ expected: String, as type: Value.Type = Value.self) throws -> Value? {
            guard let value = fields[name], !(value is NSNull) else { return nil }
            guard let value = value as? Value else { throw RequestError.invalid(name, expected, "\(value)") }
            return value
        }
        guard let prompt: String = try field("prompt", "a text") else {
            throw RequestError.invalid("prompt", "a text", "none")
        }
        try PictureQuery.check(prompt, "prompt")
        self.prompt = prompt
        model = try field("model", "a name")
        count = try field("n", "a whole number") ?? 1
        guard (1...Self.largestCount).contains(count) else {
            throw RequestError.invalid("n", "1 to \(Self.largestCount)", "\(count)")
        }
        let given: Int? = try field("seed", "a whole number of at least 0")
        if let given, given < 0 { throw RequestError.invalid("seed", "a whole number of at least 0", "\(given)") }
        seed = given.map(UInt64.init) ?? .random(in: 0..<1 << 32)
        let format: String = try field("response_format", "a text") ?? "b64_json"
        guard ["b64_json", "url"].contains(format) else {
            throw RequestError.invalid("response_format", "b64_json or url", format)
        }
        isLink = format == "url"
    }

    fileprivate func answer(by models: ServedModels) async throws -> GenerationAnswer {
        let served = try models.named(model)
        let sampling = try served.sampling(steps: nil, guidanceScale: nil)
        let queries = try (0..<UInt64(count)).map {
            try PictureQuery(model: served, prompt: prompt, seed: seed &+ $0, sampling: sampling)
        }
        let images = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for (index, query) in queries.enumerated() {
                group.addTask {
                    let file = try PNG.encode(try await query.picture(), text: query.record)
                    return (index, Data(file).base64EncodedString())
                }
            }
            return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        let texts = queries.indices.compactMap { images[$0] }
        return GenerationAnswer(
            created: Int(Date().timeIntervalSince1970),
            data: texts.map {
                isLink ? .init(url: "data:image/png;base64,\($0)", b64Json: nil) : .init(url: nil, b64Json: $0)
            })
    }
}

private struct GenerationAnswer: Encodable {
    struct Image: Encodable {
        let url: String?
        let b64Json: String?

        enum CodingKeys: String, CodingKey {
            case url
            case b64Json = "b64_json"
        }
    }

    let created: Int
    let data: [Image]
}

private struct ModelList: Encodable {
    struct Entry: Encodable {
        let id: String
        let object = "model"
        let created = 0
        let owned_by = "swift-brush"
    }

    let object = "list"
    let data: [Entry]
}

private struct ErrorAnswer: Encodable {
    struct Content: Encodable {
        let message: String
        let type: String
        let param: String?

        init(_ error: RequestError) {
            (message, param) = (error.message, error.parameter)
            type = error.status.kind == .serverError ? "server_error" : "invalid_request_error"
        }
    }

    let error: Content
}
