import Foundation
import TestFixtures

/// A reader of files, or of text, that a user may bring from anywhere.
///
/// It may throw on any input; it must not end the process, take more than five seconds, or take more than a gibibyte of
/// memory for an input of less than a mebibyte.
struct FuzzedReader: Sendable {
    /// What its inputs look like, which decides how they are changed.
    enum Format: Sendable {
        case json
        /// A JSON value per line.
        case jsonLines
        case safetensors
        case text
        case bytes
    }

    /// Reads one input as far as a user's file would be used: networks are made, but not run.
    typealias Body = (Data) throws -> Void

    /// How it is called on the command line.
    let name: String
    let format: Format
    /// Valid inputs to begin with.
    let seeds: @Sendable () throws -> [Data]
    /// Prepares a folder of its own, once per process.
    let prepare: @Sendable (URL) throws -> Body

    /// - Parameters:
    ///   - name: how it is called on the command line.
    ///   - format: what its inputs look like.
    ///   - files: valid inputs, in `Tests/Fixtures` or, with a leading slash, in the checkout.
    ///   - texts: further valid inputs.
    ///   - prepare: prepares a folder of its own, once per process.
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

    /// All of them, in the order of the report.
    static let all = weights + configurations + tokenizers + pictures + runs

    /// Inputs that once were too much for the reader, by name.
    var corpus: [URL] {
        let folder = Fixtures.package.appending(path: "Tests/Fuzzing/Corpus/\(name)")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted().map { folder.appending(path: $0) }
    }

    /// Runs a body in a folder that is taken away afterwards.
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
    /// Writes the input as a new file: what still maps the one before is not changed under its feet.
    func replace(_ file: URL) throws {
        unlink(file.path)
        try write(to: file)
    }
}
