import Autograd
import Foundation
import SwiftBrushRuntime
import Tensor

/// The state of a run apart from tensors and the optimisers' step counts.
private struct RunState: Codable {
    var stepCount: Int
    var averageUpdateCount: Int
    var streams: DistillationStreams
}

extension Distiller {
    /// The size in bytes of a checkpoint's tensors.
    public var checkpointByteCount: Int { checkpoint.byteCount }

    /// Writes everything that the run needs to resume bit for bit: both networks, the average, both optimisers, all random
    /// streams, the step. The file is written atomically.
    ///
    /// Throws what the file system throws.
    public func saveCheckpoint(to url: URL) throws {
        let state = RunState(stepCount: stepCount, averageUpdateCount: average.updateCount, streams: streams)
        let tensors = memory.merging(earlierSamples?.tensors ?? [:]) { memory, _ in memory }
        try checkpoint.write(state, memory: tensors, to: url)
    }

    /// Restores the state that ``saveCheckpoint(to:)`` wrote.
    ///
    /// Everything is read before anything is changed. Throws `SafetensorsError`, or ``DistillationError`` when the file
    /// belongs to another run.
    public func restoreCheckpoint(from url: URL) throws {
        var (state, memory) = try checkpoint.restore(RunState.self, from: url) {
            $0.stepCount >= 0 && $0.averageUpdateCount >= 0 && $0.streams.fits(promptCount: conditions.count)
        }
        earlierSamples = EarlierSamples(removedFrom: &memory)
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
        return RunCheckpoint(sections, optimizers: optimizers, in: [sharedStudent, sharedFakeScore])
    }
}
