import Foundation
import Tensor

/// How long pictures took to draw.
public struct GenerationTime: Codable, Sendable, Equatable {
    /// How many pictures.
    public private(set) var pictures = 0
    /// The denoising network's seconds.
    public private(set) var network = 0.0
    /// All seconds: text encoder, denoising network, decoder, and files.
    public private(set) var whole = 0.0

    /// Seconds a picture, network alone and whole; nil before the first.
    public var perPicture: (network: Double, whole: Double)? {
        pictures == 0 ? nil : (network / Double(pictures), whole / Double(pictures))
    }

    mutating func add(_ count: Int, network: Duration, whole: Duration) {
        pictures += count
        self.network += network / .seconds(1)
        self.whole += whole / .seconds(1)
    }
}

/// The file `generation.json` in a folder of pictures that were drawn.
struct GenerationRecord: Codable {
    /// What the pictures depend on, by name.
    var settings: [String: String]
    var time: GenerationTime

    private static let fileName = "generation.json"
    private static let lockName = "generation.lock"

    /// Makes or finds the folder of a generation, and keeps other processes out of it as long as the lock lives; gives the time it took
    /// so far.
    ///
    /// Throws ``ModelError`` for a folder with other settings, which it names, or with files of another origin, and `FileError` when
    /// another process draws into the folder.
    static func begin(_ settings: [String: String], in folder: URL) throws -> (lock: FolderLock, time: GenerationTime) {
        try DurableFile.prepareFolder(folder)
        let file = folder.appending(path: fileName)
        if !FileManager.default.fileExists(atPath: file.path) { try checkIsEmpty(folder) }
        let lock = try FolderLock.lock(folder, name: lockName)
        DurableFile.removeLeftovers(in: folder)
        guard FileManager.default.fileExists(atPath: file.path) else {
            try checkIsEmpty(folder)
            try GenerationRecord(settings: settings, time: GenerationTime()).write(in: folder)
            return (lock, GenerationTime())
        }
        guard let record = try? JSONDecoder().decode(GenerationRecord.self, from: FileContents.read(file)) else {
            throw ModelError.unreadableFile(path: file.path, reason: "expected the settings of a generation")
        }
        for name in Set(settings.keys).union(record.settings.keys).sorted()
        where settings[name] != record.settings[name] {
            throw ModelError.invalidArgument(
                operation: "PictureGeneration", argument: name,
                expected: "\(record.settings[name] ?? "none"), with which \(folder.path) was begun",
                found: settings[name] ?? "none")
        }
        return (lock, record.time)
    }

    private static func checkIsEmpty(_ folder: URL) throws {
        let names = try FileError.attempt(.reading, folder.path) {
            try FileManager.default.contentsOfDirectory(atPath: folder.path)
        }
        // What a killed process left, and what file systems and file managers put into every folder.
        let found = names.filter {
            ![lockName, ".DS_Store", "lost+found"].contains($0) && !DurableFile.isTemporary($0)
        }
        guard found.isEmpty else {
            throw ModelError.invalidArgument(
                operation: "PictureGeneration", argument: "folder \(folder.path)",
                expected: "an empty one, or one with \(fileName)",
                found: found.sorted().prefix(3).joined(separator: ", "))
        }
    }

    /// Throws `FileError`.
    func write(in folder: URL) throws { try DurableFile.writeJSON(self, to: folder.appending(path: Self.fileName)) }
}
