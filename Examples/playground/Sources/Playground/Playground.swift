import ArgumentParser
import DiffusionModels
import Foundation
import Hummingbird
import Tensor

@main
struct Playground: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "playground", abstract: "A page on which images follow what is typed, and a server of them.",
        discussion: """
            Open the printed address in a browser. Programs ask GET /pictures?prompt=a+red+heart&seed=0 for a PNG image, or POST \
            /v1/images/generations as OpenAI's clients do; GET /health and /metrics tell how the server is. Requests that wait are generated in \
            one batch.
            """)

    @Option(
        parsing: .upToNextOption,
        help:
            "Folders of models, one-step students or teachers. Default: the small ones of the repository, if they are found.",
        completion: .directory)
    var model: [String] = []
    @Option(help: "A folder with runs of distill or train-teacher, to watch on the page.", completion: .directory)
    var runs: String?
    @Option(help: "The address to listen on; only this machine reaches the default.") var host = "127.0.0.1"
    @Option(help: "The port to listen on; 0 for a free one.") var port = 8080
    @Option(help: "Images per batch, 1 to 64.") var batch = 16
    @Option(help: "Requests that may wait, 1 to 100000; further ones are answered with status 503.") var waiting = 256
    @Option(help: "Seconds without requests after which memory is given back.") var idle = 60.0

    @Option(help: "Instead of serving, generate batches of 16 images directly for so many seconds, and print the rate.")
    var measure: Double?

    func validate() throws {
        for (name, range, value) in [("--batch", 1...64, batch), ("--waiting", 1...100_000, waiting)]
        where !range.contains(value) {
            throw ValidationError("\(name): expected \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
        guard (0...65_535).contains(port) else { throw ValidationError("--port: expected 0 to 65535, found \(port)") }
        var isFolder: ObjCBool = false
        if let runs, !FileManager.default.fileExists(atPath: runs, isDirectory: &isFolder) || !isFolder.boolValue {
            throw ValidationError("--runs: expected a folder, found \(runs)")
        }
        if let measure, !(0...86_400).contains(measure) {
            throw ValidationError("--measure: expected 0 to 86400, found \(measure)")
        }
        guard idle > 0, idle <= 1e6 else { throw ValidationError("--idle: expected 0 to 1000000, found \(idle)") }
    }

    /// On the main actor, where the program begins, before there are other threads.
    @MainActor static func main() async {
        ProcessMemory.useOneSmallHeap()
        await main(nil)
    }

    func run() async throws {
        // The same weights are multiplied for every batch.
        PackedWeights.budget = 512 << 20
        let limits = ServerLimits(batchSize: batch, waitingRequests: waiting, idleTime: .seconds(idle))
        let models = try await ServedModels(folders, limits: limits)
        if let measure { return try await printRate(of: models, seconds: measure) }
        for student in models.all where student.isStudent { try await student.warmUp(for: .seconds(2)) }
        let application = Application(
            router: router(for: models, runs: WatchedRuns(folder: runs.map { URL(filePath: $0) })),
            // A client that does not send the rest of its request is left after a minute.
            server: .http1(configuration: .init(idleTimeout: .seconds(60))),
            configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
            onServerRunning: { channel in
                guard let address = channel.localAddress else { return }
                let line = "listening on \(address)\nhttp://\(address.ipAddress ?? host):\(address.port ?? port)/\n"
                FileHandle.standardOutput.write(Data(line.utf8))
            })
        try await application.runService()
    }

    /// The folders of the options, or those of the repository's small models.
    private var folders: [URL] {
        if !model.isEmpty { return model.map { URL(filePath: $0) } }
        let examples = ["Examples/Models", "../Models"].map { URL(filePath: $0) }
        let found = examples.first { FileManager.default.fileExists(atPath: $0.path) }
        return ["emoji-student", "emoji-teacher"].compactMap { name in found?.appending(path: name) }
    }

    /// Prints the images per second of batches of 16 without a server, for comparison.
    private func printRate(of models: ServedModels, seconds: Double) async throws {
        guard let student = models.all.first(where: \.isStudent)?.server.model else {
            throw ValidationError("--measure: expected a one-step student, found none")
        }
        let prompts = (0..<16).map { ["a red heart", "a dog", "a slice of pizza", "a rocket"][$0 % 4] }
        _ = try await student.pictures(for: prompts, seed: 0)
        let (clock, start) = (ContinuousClock(), ContinuousClock.now)
        var count = 0
        while clock.now - start < .seconds(seconds) {
            count += try await student.pictures(for: prompts, seed: UInt64(count)).count
        }
        print(
            "\(String(format: "%.1f", Double(count) / ((clock.now - start) / .seconds(1)))) pictures per second directly"
        )
    }
}
