import Foundation
import Tensor

extension RunDirectory {
    /// Creates the folder if it is missing, locks it against other processes as long as this value lives, and removes the temporary
    /// files that a killed process left in it. ``begin(_:)`` calls it; call it earlier if you write into the folder before.
    ///
    /// Throws ``RunError/unsuitable(path:expected:found:)`` as ``init(_:resuming:allowingOtherFiles:)`` does, and `FileError`
    /// when another process works on the run.
    public func claim() throws {
        guard session.state.withLock({ $0.lock == nil }) else { return }
        try DurableFile.prepareFolder(url)
        // The folder is checked again under the lock, as another process may have changed it; a rejected folder gets no lock file.
        try checkFolder()
        let lock = try FolderLock.lock(url, name: Self.lockName)
        try checkFolder()
        session.state.withLock { $0.lock = lock }
        let folders = ["", "checkpoints", "sheets", "prompts", "tokenizer"].map { url.appending(path: $0) }
        let models = ["student", "teacher"].map { url.appending(path: $0) }
        let parts = models.flatMap { model in
            ["", "unet", "vae", "text_encoder", "tokenizer", "scheduler"].map { model.appending(path: $0) }
        }
        let adapters = ["student-lora", "fake-score", "lora"].map { url.appending(path: $0) }
        for folder in folders + parts + adapters { DurableFile.removeLeftovers(in: folder) }
    }

    /// Throws for a folder in which no run may start or be resumed.
    func checkFolder() throws {
        func refuse(_ expected: String, _ found: String) -> RunError {
            .unsuitable(path: url.path, expected: expected, found: found)
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else { return }
        guard isFolder.boolValue else { throw refuse("a folder", "a file") }
        let names = try FileError.attempt(.reading, url.path) {
            try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
        }
        let own = names.filter(Self.names.contains)
        // Runs of earlier versions have no lock file, but had these three from the start.
        let isRun =
            names.contains(Self.lockName)
            || Set([Self.configurationName, "checkpoints", "sheets"]).isSubset(of: own)
        if isRun {
            guard isResuming || own.isEmpty else {
                throw refuse("a folder without a run, or that the run is resumed", "a run")
            }
            return
        }
        if !own.isEmpty {
            throw refuse(
                "a run, or a folder without files named like a run's", "\(Self.listed(own)) and no run")
        }
        // File systems and file managers create these in any folder.
        let others = names.filter { ![".DS_Store", "lost+found"].contains($0) }
        guard others.isEmpty || allowsOtherFiles else {
            throw refuse(
                "an empty folder or one with a run (--allow-other-files allows other files and leaves them alone)",
                "\(Self.listed(others)) and no run")
        }
    }

    private static func listed(_ names: [String]) -> String {
        let rest = names.count - 3
        return names.prefix(3).joined(separator: ", ") + (rest > 0 ? " and \(rest) more," : "")
    }
}
