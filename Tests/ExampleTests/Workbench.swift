import Foundation
import SwiftBrushTestFixtures

/// A temporary folder in which the built executables run.
final class Workbench {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "examples-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    static let teacher = Fixtures.package.appending(path: "Examples/Models/emoji-teacher").path
    static let student = Fixtures.package.appending(path: "Examples/Models/emoji-student").path

    /// A file or folder in the temporary folder.
    func url(_ path: String) -> URL { folder.appending(path: path) }

    func contents(_ path: String) throws -> Data { try Data(contentsOf: url(path)) }

    func text(_ path: String) throws -> String { try String(contentsOf: url(path), encoding: .utf8) }

    /// The names in a folder in order, without hidden ones.
    func names(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url(path).path).filter { !$0.hasPrefix(".") }.sorted()
    }

    /// Writes a file of lines and returns its name.
    func write(_ lines: [String], to name: String) throws -> String {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: url(name))
        return name
    }

    /// The end of a process: its exit code and what it wrote.
    struct Outcome {
        let exitCode: Int32
        let output: String
        let errors: String

        var lines: [Substring] { output.split(separator: "\n") }
    }

    /// Runs an executable with these arguments in the folder.
    func run(_ example: Example, _ arguments: [String]) async throws -> Outcome {
        let process = Process()
        process.executableURL = Self.products.appending(path: example.rawValue)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        // Files, because a full pipe would stop the process.
        let streams = (output: url(".output"), errors: url(".errors"))
        for url in [streams.output, streams.errors] { try Data().write(to: url) }
        process.standardOutput = try FileHandle(forWritingTo: streams.output)
        process.standardError = try FileHandle(forWritingTo: streams.errors)
        try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in ended.resume() }
            do { try process.run() } catch { ended.resume(throwing: error) }
        }
        return Outcome(
            exitCode: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try String(contentsOf: streams.output, encoding: .utf8),
            errors: try String(contentsOf: streams.errors, encoding: .utf8))
    }

    /// The folder of the built products, in which the test bundle is too.
    private static let products: URL = {
        let bundle = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }
        return bundle?.deletingLastPathComponent() ?? Bundle.main.bundleURL
    }()
}
