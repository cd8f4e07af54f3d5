import DiffusionModels
import Foundation
import Tensor

/// The folder of one distillation or other training: its settings, metrics, picture sheets, checkpoints, and at the end the
/// networks.
///
/// `configuration.json`, `contents.json` (see ``RunContents``), `metrics.jsonl`, `sheets/step-N.png`, `checkpoints/step-N.safetensors`; `report.html`; of a distillation
/// `student/`, `fake-score/`; of a teacher's training `teacher/`, `tokenizer/`, `autoencoder/`, `prompts/`, `x0-errors.jsonl`;
/// `newest-checkpoint`, its step; and `run.lock`, which keeps a second process out. A run writes, replaces and removes these alone: what else lies in its folder stays as
/// it is.
public struct RunDirectory: Sendable {
    /// The folder.
    public let url: URL
    /// How many of the newest checkpoints are kept.
    public var keptCheckpoints = 2
    /// Whether a run may begin in a folder that holds other files.
    public let allowsOtherFiles: Bool

    let isResuming: Bool
    let session = RunSession()

    /// The run in a folder, which ``claim()`` or ``begin(_:)`` makes if it is missing.
    ///
    /// - Parameters:
    ///   - url: the folder.
    ///   - resuming: whether a run may be there already; otherwise an existing one is an error, so that none is lost.
    ///   - allowingOtherFiles: whether a new run may begin beside files that are not a run's; they are left alone.
    ///
    /// Throws ``DistillationError/run(path:expected:found:)`` for a folder with another run or other files, of which nothing is changed.
    public init(_ url: URL, resuming: Bool, allowingOtherFiles: Bool = false) throws {
        (self.url, isResuming, allowsOtherFiles) = (url, resuming, allowingOtherFiles)
        try checkFolder()
    }

    static let configurationName = "configuration.json"
    static let contentsName = "contents.json"
    static let metricsName = "metrics.jsonl"
    static let newestStepName = "newest-checkpoint"
    static let lockName = "run.lock"

    /// All that runs write in their folders, besides ``lockName``.
    static let names = [
        configurationName, contentsName, metricsName, newestStepName, "x0-errors.jsonl", "checkpoints", "sheets",
        "student", "fake-score", "report.html",
        "teacher", "tokenizer", "autoencoder", "prompts",
    ]

    var checkpointFolder: URL { url.appending(path: "checkpoints") }
    var configuration: URL { url.appending(path: Self.configurationName) }
    /// Where the finished student is saved.
    public var student: URL { url.appending(path: "student") }
    /// Where the fake score's adapters are saved, as PEFT's.
    public var fakeScore: URL { url.appending(path: "fake-score") }

    /// Where the run's ``RunReport`` is saved.
    public var report: URL { url.appending(path: "report.html") }

    /// Where the sheet of a step is saved.
    public func sheet(step: Int) -> URL { url.appending(path: "sheets/\(Self.name(step)).png") }

    static func name(_ step: Int) -> String {
        let digits = "\(step)"
        return "step-" + String(repeating: "0", count: max(0, 7 - digits.count)) + digits
    }
}
