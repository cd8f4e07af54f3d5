import Foundation
import Hummingbird
import Synchronization

/// The numbers of answers by status, for /metrics in Prometheus' text format.
final class RequestCounts: Sendable {
    private let counts = Mutex<[Int: Int]>([:])

    func count(_ status: HTTPResponse.Status) { counts.withLock { $0[status.code, default: 0] += 1 } }

    func response(of models: ServedModels) async -> Response {
        var lines = ["# HELP playground_answers_total Answers to requests for images, by HTTP status."]
        lines.append("# TYPE playground_answers_total counter")
        let counts = counts.withLock { $0 }
        for (status, count) in counts.sorted(by: { $0.key < $1.key }) {
            lines.append("playground_answers_total{status=\"\(status)\"} \(count)")
        }
        lines.append("# HELP playground_waiting_requests Requests that wait for a batch.")
        lines.append("# TYPE playground_waiting_requests gauge")
        for model in models.all {
            let name = model.name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            lines.append("playground_waiting_requests{model=\"\(name)\"} \(await model.server.waitingCount)")
        }
        if let bytes = ProcessMemory.residentBytes {
            lines.append("# HELP process_resident_memory_bytes Resident memory size in bytes.")
            lines.append("# TYPE process_resident_memory_bytes gauge")
            lines.append("process_resident_memory_bytes \(bytes)")
        }
        let text = lines.joined(separator: "\n") + "\n"
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
