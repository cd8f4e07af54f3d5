import Autograd
import Foundation
import Tensor

/// All of a run that is neither a tensor nor an optimiser's step count.
private struct RunState: Codable {
    var stepCount: Int
    var averageUpdateCount: Int
    var streams: DistillationStreams
}

extension Distiller {
    /// The bytes of the numbers that a checkpoint keeps.
    public var checkpointByteCount: Int { checkpoint.byteCount }

    /// Writes everything that the run needs to go on as if it had never stopped: both networks, the average, both
    /// optimisers, every random stream, the step. The file is there whole or not at all.
    ///
    /// Throws what the file system throws.
    public func saveCheckpoint(to url: URL) throws {
        let state = RunState(stepCount: stepCount, averageUpdateCount: average.updateCount, streams: streams)
        try checkpoint.write(state, memory: memory, to: url)
    }

    /// Goes back to where ``saveCheckpoint(to:)`` was called.
    ///
    /// Everything is read before anything is changed. Throws `SafetensorsError`, or ``DistillationError`` when the file is
    /// of another run.
    public func restoreCheckpoint(from url: URL) throws {
        let (state, memory) = try checkpoint.restore(RunState.self, from: url)
        self.memory = memory
        average.updateCount = state.averageUpdateCount
        streams = state.streams
        stepCount = state.stepCount
    }

    private var checkpoint: RunCheckpoint {
        var sections = [
            ("student", student.parameters), ("average", average.parameters), ("fake_score", fakeScore.parameters),
        ]
        var optimizers = [("student_optimizer", studentOptimizer), ("fake_score_optimizer", fakeScoreOptimizer)]
        if let discriminatorOptimizer, let discriminator = resources.discriminator {
            sections.append(("discriminator", discriminator.parameters))
            optimizers.append(("discriminator_optimizer", discriminatorOptimizer))
        }
        return RunCheckpoint(sections, optimizers: optimizers)
    }
}
