import DiffusionModels
import Foundation
import Tensor

/// The folder of a distillation or other training: its settings, metrics, sample grids, checkpoints, and finally the networks.
///
/// It contains `configuration.json`, `contents.json` (see ``RunContents``), `metrics.jsonl`, `measurements.jsonl`, `sheets/step-N.png`,
/// `checkpoints/step-N.safetensors` and `report.html`; for a distillation `student/`, `student-lora/` and `fake-score/`; for a teacher's
/// training `teacher/`, `tokenizer/`, `autoencoder/`, `prompts/` and `x0-errors.jsonl`; for adapters `lora/`; `newest-checkpoint`, with that checkpoint's step; and
/// `run.lock`, which keeps a second process out. A run writes, replaces and removes only these; other files in its folder are not
/// changed.
public struct RunDirectory: Sendable {
    /// The folder.
    public let url: URL
    /// The number of checkpoints to keep, the newest ones.
    public var keptCheckpoints = 2
    /// Whether a run may start in a folder that contains other files.
    public let allowsOtherFiles: Bool

    let isResuming: Bool
    let session: RunSession

    /// The run of several processes in a folder of the process with rank 0; the others get a temporary folder, which is removed after use.
    ///
    /// Throws as ``init(_:resuming:allowingOtherFiles:)``, in all processes.
    public init(_ url: URL, resuming: Bool, allowingOtherFiles: Bool = false, in group: any ProcessGroup) throws {
        let own =
            group.rank == 0 ? url : FileManager.default.temporaryDirectory.appending(path: "run-\(UUID().uuidString)")
        (self.url, isResuming, allowsOtherFiles) = (own, resuming, allowingOtherFiles)
        session = RunSession(temporaryFolder: group.rank == 0 ? nil : own)
        _ = try group.results {
            try checkFolder()
            return true
        }
    }

    /// The run in a folder, which ``claim()`` or ``begin(_:)`` creates if it is missing.
    ///
    /// - Parameters:
    ///   - url: the folder.
    ///   - resuming: whether the folder may contain a run already; otherwise an existing one is an error, so that none is lost.
    ///   - allowingOtherFiles: whether a new run may start in a folder with files that are not a run's; they are left alone.
    ///
    /// Throws ``RunError/unsuitable(path:expected:found:)`` for a folder with another run or other files, and changes
    /// nothing in it.
    public init(_ url: URL, resuming: Bool, allowingOtherFiles: Bool = false) throws {
        try self.init(url, resuming: resuming, allowingOtherFiles: allowingOtherFiles, in: SingleProcess())
    }

    static let configurationName = "configuration.json"
    static let contentsName = "contents.json"
    static let metricsName = "metrics.jsonl"
    static let measurementsName = "measurements.jsonl"
    static let newestStepName = "newest-checkpoint"
    static let lockName = "run.lock"

    /// The names of everything that runs of any training write in their folders, except ``lockName``.
    static let names = [
        configurationName, contentsName, metricsName, measurementsName, newestStepName, "x0-errors.jsonl",
        "checkpoints", "sheets",
        "student", "student-lora", "fake-score", "report.html",
        "teacher", "tokenizer", "autoencoder", "prompts", "lora",
    ]

    var checkpointFolder: URL { url.appending(path: "checkpoints") }
    var configuration: URL { url.appending(path: Self.configurationName) }

    /// The file of the run's ``RunReport``.
    public var report: URL { url.appending(path: "report.html") }

    /// The file of a step's sample grid.
    public func sheet(step: Int) -> URL { url.appending(path: "sheets/\(Self.name(step)).png") }

    static func name(_ step: Int) -> String {
        let digits = "\(step)"
        return "step-" + String(repeating: "0", count: max(0, 7 - digits.count)) + digits
    }
}
