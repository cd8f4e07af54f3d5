import DiffusionModels
import Foundation
import SwiftBrushRuntime

extension RunDirectory {
    /// The folder in which the finished student is saved.
    public var student: URL { url.appending(path: "student") }

    /// The folder in which a student of adapters is saved as a LoRA, in PEFT's format and in diffusers'.
    public var studentAdapters: URL { url.appending(path: "student-lora") }

    /// The folder in which a ``GuidanceDistiller``'s model is saved.
    public var guidedTeacher: URL { url.appending(path: "teacher") }

    /// The folder in which the fake score's adapters are saved in PEFT's format.
    public var fakeScore: URL { url.appending(path: "fake-score") }

    /// The recorded steps of a distillation, in order; truncated lines are ignored. Throws `FileError`.
    public func metrics() throws -> [DistillationStep] { try metrics(DistillationStep.self) }

    /// The loss with which the run in the folder was started.
    ///
    /// - Parameter types: the types of loss to look for.
    ///
    /// Throws ``DistillationError`` when there is no run, or its loss is of none of these types.
    public func loss(
        among types: [any DistillationLoss.Type] = SavedLoss.shippedTypes
    ) throws -> any DistillationLoss { try record().loss.loss(among: types) }

    /// The settings with which the run in the folder was started. Throws ``DistillationError`` when there is no run.
    public func settings() throws -> DistillationConfiguration { try record().settings }

    private func record() throws -> Distiller.Record {
        guard let record = try? storedRecord(Distiller.Record.self, renamed: Distiller.renamedSettings) else {
            throw RunError.unsuitable(path: url.path, expected: "the settings of a run", found: "none")
        }
        return record
    }

    /// Generates the averaged student's image of each prompt, always from the same noise, and saves them as a sample grid in PNG.
    ///
    /// - Parameters:
    ///   - distiller: the distiller whose student is sampled.
    ///   - teacher: the model that the distiller was made from.
    ///   - prompts: at least one prompt; there are eight images per row.
    ///
    /// Throws what the file system throws.
    public func saveSheet(
        of distiller: Distiller, teacher: TextToImageModel, prompts: [String]
    ) throws {
        let pictures = try distiller.studentModel(of: teacher)
            .pictures(for: prompts, seed: 0)
        let text = ["prompts": prompts.joined(separator: "\n"), "step": "\(distiller.stepCount)"]
        try PNG.write(Picture.grid(pictures, columns: 8), text: text, to: sheet(step: distiller.stepCount))
    }
}
