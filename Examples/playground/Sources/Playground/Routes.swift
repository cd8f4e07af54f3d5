import DiffusionModels
import Foundation
import Hummingbird

/// The routes of the page and of its images.
func router(for models: ServedModels, runs: WatchedRuns) -> Router<BasicRequestContext> {
    let router = Router()
    let counts = RequestCounts()
    // Strips are not generated in the servers' batches.
    let strips = ConcurrencyLimit(4)
    for (path, file, type) in [
        ("/", "index.html", "text/html; charset=utf-8"), ("page.css", "page.css", "text/css; charset=utf-8"),
        ("page.js", "page.js", "text/javascript; charset=utf-8"),
    ] {
        router.get(RouterPath(path)) { _, _ in try page(file, type) }
    }
    router.get("health") { _, _ in
        var (waiting, working) = (0, false)
        for model in models.all {
            waiting += await model.server.waitingCount
            working = await model.server.isWorking || working
        }
        return try json(Health(waiting: waiting, working: working))
    }
    router.get("metrics") { _, _ in await counts.response(of: models) }
    router.get("models") { _, _ in try json(models.all.map(Description.init)) }
    router.get("pictures") { request, _ in
        await answering(request, counts) { query in
            let request = try PictureQuery(query, models)
            return try await pngResponse(of: request.picture(), request.record)
        }
    }
    router.get("strip") { request, _ in
        await answering(request, counts) { query in
            let strip = try StripQuery(query, models)
            return try await strips.run { try await pngResponse(of: strip.picture(), strip.record) }
        }
    }
    router.get("runs") { _, _ in try json(runs.names()) }
    router.get("runs/{run}") { _, context in
        try refusing { try json(runs.state(of: decoded("run", context))) }
    }
    router.get("runs/{run}/sheets/{sheet}") { _, context in
        try refusing { png(try runs.sheet(decoded("sheet", context), of: decoded("run", context))) }
    }
    addOpenAIRoutes(to: router, models, counts)
    return router
}

/// The answer to a request whose client may disconnect, which cancels it.
func answering(
    _ request: Request, _ counts: RequestCounts,
    by body: @escaping @Sendable ([String: String]) async throws -> Response
) async -> Response {
    let query = parameters(of: request.uri.query ?? "")
    do {
        let response = try await request.body.consumeWithCancellationOnInboundClose { _ in try await body(query) }
        counts.count(response.status)
        return response
    } catch {
        let refused = RequestError(error)
        // Nobody reads the answer to a client that has gone.
        if !(error is CancellationError) { counts.count(refused.status) }
        return refusal(refused)
    }
}

/// The parameters of a query, in which a form writes spaces as "+".
private func parameters(of query: String) -> [String: String] {
    let pairs = query.split(separator: "&").compactMap { pair -> (String, String)? in
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let value = parts[1].replacing("+", with: " ").removingPercentEncoding else {
            return nil
        }
        return (String(parts[0]), value)
    }
    return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
}

/// A part of the path, in which names are percent-encoded.
private func decoded(_ name: String, _ context: BasicRequestContext) throws -> String {
    let encoded = try context.parameters.require(name)
    guard let decoded = encoded.removingPercentEncoding else { throw HTTPError(.badRequest) }
    return decoded
}

private func refusing(_ body: () throws -> Response) throws -> Response {
    do { return try body() } catch let error as HTTPError { throw error } catch { return refusal(RequestError(error)) }
}

/// A file of the page.
private func page(_ name: String, _ type: String) throws -> Response {
    guard let file = Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Page") else {
        throw HTTPError(.notFound)
    }
    return Response(
        status: .ok, headers: [.contentType: type],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: try Data(contentsOf: file))))
}

private func pngResponse(of picture: Picture, _ record: [String: String]) throws -> Response {
    png(Data(try PNG.encode(picture, text: record, compressionLevel: 1)))
}

private func png(_ file: Data) -> Response {
    Response(
        status: .ok, headers: [.contentType: "image/png"], body: ResponseBody(byteBuffer: ByteBuffer(bytes: file)))
}

private func refusal(_ error: RequestError) -> Response {
    (try? json(["error": error.message], status: error.status)) ?? Response(status: error.status)
}

/// An answer in JSON.
func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
    Response(
        status: status, headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONEncoder().encode(value))))
}

/// The answer to /health.
private struct Health: Encodable {
    let waiting: Int
    let working: Bool
}

/// A model as /models lists it.
private struct Description: Encodable {
    let name: String
    let student: Bool
    let steps: Int

    init(_ model: ServedModel) {
        (name, student, steps) = (model.name, model.isStudent, model.largestStepCount)
    }
}
