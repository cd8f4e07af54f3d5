import ArgumentParser
import DiffusionModels
import Foundation
import Tensor

/// The stages of `text-to-image` from launch to file, timed one by one.
struct StartUp: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Generates one image with a one-step student and prints the time of each stage as a JSON line.")

    @Option(help: "The student's folder.") var model: URL
    @Option(help: "The image file to write.") var output: URL
    @Option(help: "The launch time of the process, in nanoseconds of the monotonic clock.") var launched: UInt64
    @Option(help: "Processor threads.") var threads = 2

    func run() throws {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let start = Double(now.tv_sec) + Double(now.tv_nsec) / 1e9 - Double(launched) / 1e9
        ThreadPool.threadCount = threads
        var stages = [("process start", start)]
        func timed<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
            let start = ContinuousClock.now
            defer { stages.append((name, (ContinuousClock.now - start) / .seconds(1))) }
            return try body()
        }
        let prompt = "a red heart"
        let student = try timed("loading") { try TextToImageModel(contentsOf: model) }
        let ready = try timed("text") { try student.keepingEmbeddings(of: [prompt, ""]) }
        let latents = try timed("network") { try ready.latents(for: [prompt], seed: 0) }
        let picture = try timed("decoder") { try student.pictures(from: latents)[0] }
        try timed("PNG") { try PNG.write(picture, to: output) }
        print("{" + stages.map { #""\#($0.0)": \#($0.1)"# }.joined(separator: ", ") + "}")
    }
}
