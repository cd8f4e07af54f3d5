import DiffusionModels
import Foundation
import Hummingbird

/// The routes of a server.
func router(for server: PictureServer) -> Router<BasicRequestContext> {
    let router = Router()
    router.get("health") { _, _ in
        try await json(Health(waiting: server.waitingCount, working: server.isWorking), status: .ok)
    }
    router.get("pictures") { request, _ -> Response in
        // A client that disconnects cancels the request.
        let query = parameters(of: request.uri.query ?? "")
        return try await request.body.consumeWithCancellationOnInboundClose { _ in
            await answer(prompt: query["prompt"], seed: query["seed"], by: server)
        }
    }
    return router
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

/// The answer to /health.
private struct Health: Encodable {
    let waiting: Int
    let working: Bool
}

/// An image, or what is wrong with the request.
private func answer(prompt: String?, seed: String?, by server: PictureServer) async -> Response {
    guard let prompt, prompt.utf8.count <= 4_096 else {
        return refusal("prompt: expected a text of at most 4096 bytes", .badRequest)
    }
    guard let seed = UInt64(seed ?? "0") else {
        return refusal("seed: expected a whole number, found \"\(seed ?? "")\"", .badRequest)
    }
    do {
        let picture = try await server.picture(for: prompt, seed: seed)
        let file = try PNG.encode(picture, text: ["prompt": prompt, "seed": "\(seed)"], compressionLevel: 1)
        return Response(
            status: .ok, headers: [.contentType: "image/png"], body: ResponseBody(byteBuffer: ByteBuffer(bytes: file)))
    } catch let error as ServerBusyError {
        return refusal("\(error)", .serviceUnavailable)
    } catch {
        return refusal("\(error)", .internalServerError)
    }
}

private func refusal(_ reason: String, _ status: HTTPResponse.Status) -> Response {
    (try? json(["error": reason], status: status)) ?? Response(status: status)
}

private func json(_ value: some Encodable, status: HTTPResponse.Status) throws -> Response {
    Response(
        status: status, headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONEncoder().encode(value))))
}
