import ArgumentParser
import DiffusionModels
import Foundation
import Hummingbird
import Tensor

@main
struct Playground: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "playground", abstract: "Serves images of a one-step student over HTTP.",
        discussion: """
            GET /pictures?prompt=a+red+heart&seed=0 answers with a PNG image, GET /health with the number of waiting requests and whether a batch is being generated. \
            Requests that wait are generated in one batch.
            """)

    @Option(help: "The one-step student's folder.", completion: .directory) var model: String
    @Option(help: "The address to listen on.") var host = "127.0.0.1"
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
        guard idle > 0, idle <= 1e6 else { throw ValidationError("--idle: expected 0 to 1000000, found \(idle)") }
    }

    func run() async throws {
        // The same weights are multiplied for every batch.
        PackedWeights.budget = 512 << 20
        let student = try await TextToImageModel(contentsOf: URL(filePath: model))
        if let measure { return try await printRate(of: student, seconds: measure) }
        let server = try PictureServer(
            student,
            limits: ServerLimits(batchSize: batch, waitingRequests: waiting, idleTime: .seconds(idle)))
        let application = Application(
            router: router(for: server),
            configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
            onServerRunning: { channel in
                let line = "listening on \(channel.localAddress.map { "\($0)" } ?? "an unknown address")\n"
                FileHandle.standardOutput.write(Data(line.utf8))
            })
        try await application.runService()
    }

    /// Prints the images per second of batches of 16 without a server, for comparison.
    private func printRate(of student: TextToImageModel, seconds: Double) async throws {
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
