import Foundation
import SwiftBrushTestFixtures

/// A reader of untrusted files or text, as a target of fuzzing.
///
/// It may throw on any input. It must not crash, take more than 5 seconds, or use more than 1 GiB of memory for an input below 1 MiB.
struct FuzzedReader: Sendable {
    /// The format of the inputs, which selects the mutations.
    enum Format: Sendable {
        case json
        /// A JSON value per line.
        case jsonLines
        case safetensors
        case text
        case bytes
    }

    /// Reads one input as the library reads a user's file: networks are created, but not run.
    typealias Body = (Data) throws -> Void

    /// The reader's name on the command line.
    let name: String
    let format: Format
    /// Valid inputs to start from.
    let seeds: @Sendable () throws -> [Data]
    /// Sets up the reader's own folder, once per process.
    let prepare: @Sendable (URL) throws -> Body

    /// - Parameters:
    ///   - name: the reader's name on the command line.
    ///   - format: the format of the inputs.
    ///   - files: valid inputs, in `Tests/Fixtures` or, with a leading slash, in the checkout.
    ///   - texts: further valid inputs.
    ///   - prepare: sets up the reader's own folder, once per process.
    init(
        _ name: String, _ format: Format, seeds files: [String] = [], texts: [String] = [],
        _ prepare: @escaping @Sendable (URL) throws -> Body
    ) {
        (self.name, self.format, self.prepare) = (name, format, prepare)
        seeds = {
            try files.map { try Data(contentsOf: Self.file($0)) } + texts.map { Data($0.utf8) }
        }
    }

    private static func file(_ path: String) -> URL {
        path.hasPrefix("/") ? Fixtures.package.appending(path: String(path.dropFirst())) : Fixtures.url(path)
    }

    /// All readers, in the order of the report.
    static let all = weights + configurations + tokenizers + pictures + runs

    /// Inputs that once failed in this reader, sorted by name.
    var corpus: [URL] {
        let folder = Fixtures.package.appending(path: "Tests/Fuzzing/Corpus/\(name)")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted().map { folder.appending(path: $0) }
    }

    /// Runs `body` with a temporary folder, which is removed afterwards.
    static func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let memory = URL(filePath: "/dev/shm")
        let parent =
            FileManager.default.isWritableFile(atPath: memory.path) ? memory : FileManager.default.temporaryDirectory
        let folder = parent.appending(path: "swiftbrush-fuzzing-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }
}

extension Data {
    /// Writes the input to a new file, so that existing memory maps of the previous file stay unchanged.
    func replace(_ file: URL) throws {
        unlink(file.path)
        try write(to: file)
    }
}
