import Foundation
import Tensor

/// The time taken to generate images.
public struct GenerationTime: Codable, Sendable, Equatable {
    /// The number of images.
    public private(set) var pictures = 0
    /// Seconds spent in the denoising network.
    public private(set) var network = 0.0
    /// Total seconds: text encoder, denoising network, decoder and file output.
    public private(set) var whole = 0.0

    /// Seconds per image, in the network and in total; nil before the first image.
    public var perPicture: (network: Double, whole: Double)? {
        pictures == 0 ? nil : (network / Double(pictures), whole / Double(pictures))
    }

    mutating func add(_ count: Int, network: Duration, whole: Duration) {
        pictures += count
        self.network += network / .seconds(1)
        self.whole += whole / .seconds(1)
    }
}

/// The file `generation.json` in a folder of generated images.
struct GenerationRecord: Codable {
    /// The settings that determine the images, by name.
    var settings: [String: String]
    var time: GenerationTime

    private static let fileName = "generation.json"
    private static let lockName = "generation.lock"

    /// Creates or opens the folder of a generation. Other processes are locked out for the lifetime of `lock`; `time` is the time taken so
    /// far.
    ///
    /// Throws ``ModelError`` for a folder with other settings, which it names, or with unrelated files, and `FileError` if another process
    /// generates images in the folder.
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
            throw ModelError.unreadableFile(path: file.path, reason: "expected the settings of an image generation")
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
        // Files left by a killed process, and those that file systems and file managers create in every folder.
        let found = names.filter {
            ![lockName, ".DS_Store", "lost+found"].contains($0) && !DurableFile.isTemporary($0)
        }
        guard found.isEmpty else {
            throw ModelError.invalidArgument(
                operation: "PictureGeneration", argument: "folder \(folder.path)",
                expected: "an empty folder, or one with \(fileName)",
                found: found.sorted().prefix(3).joined(separator: ", "))
        }
    }

    /// Writes the file. Throws `FileError`.
    func write(in folder: URL) throws { try DurableFile.writeJSON(self, to: folder.appending(path: Self.fileName)) }
}
