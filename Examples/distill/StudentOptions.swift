import ArgumentParser
import DiffusionModels
import Distillation
import SwiftBrushCommands

/// What the student is: its timesteps, and which of its weights are trained.
struct StudentOptions: ParsableArguments {
    @Option(help: "The student's timestep. Default: the recipe's, or 999.") var studentTimestep: Int?
    @Option(help: "The largest number of steps in which the student can be sampled. Default: 1.") var studentSteps: Int?
    @Flag(help: "Evaluate each of several steps only at the timesteps down to the next one's, as TDM does.")
    var segments = false
    @Option(help: "The student's prediction type. Default: the teacher's.")
    var studentPrediction: PredictionType?
    @Flag(
        help:
            "Train low-rank adapters of the student in place of all its weights. They are also saved as a LoRA of the model that they start from, in student-lora/."
    )
    var studentAdapters = false
    @Option(help: "The rank of the student's adapters; their scale is 1. Default: 64.") var studentRank: Int?
    @Option(
        parsing: .upToNextOption,
        help:
            "The layers of the student that get adapters, by suffixes of their paths. Default: all projections and convolutions of the blocks."
    )
    var studentAdapterTargets: [String] = []

    func validate() throws {
        try check("--student-timestep", studentTimestep, in: 0...1_000_000)
        try check("--student-steps", studentSteps, in: 1...1000)
        try check("--student-rank", studentRank, in: 1...4096)
        if segments, studentSteps ?? 1 == 1 { throw ValidationError("--segments needs --student-steps of at least 2") }
        if !studentAdapters, studentRank != nil || !studentAdapterTargets.isEmpty {
            throw ValidationError("--student-rank and --student-adapter-targets need --student-adapters")
        }
    }

    /// Throws `ValidationError` for adapters that start from the mean of several students, into which nobody could merge them, and for a
    /// first step with a loss of its own in a student of one step.
    func check(startCount: Int, regressesFirstStep: Bool) throws {
        if regressesFirstStep, studentSteps ?? 1 == 1 {
            throw ValidationError("--regress-first-step needs --student-steps of at least 2")
        }
        guard studentAdapters, startCount > 1 else { return }
        throw ValidationError("--student-adapters: expected at most one --student to start from, found \(startCount)")
    }

    func apply(to settings: inout DistillationConfiguration) {
        settings.studentPrediction = studentPrediction
        (settings.studentStepCount, settings.matchesSegments) = (studentSteps ?? 1, segments)
        guard studentAdapters else { return }
        settings.studentAdapters = StudentAdapters(
            rank: studentRank ?? 64,
            targets: studentAdapterTargets.isEmpty ? StudentAdapters.blockLayers : studentAdapterTargets)
    }
}
