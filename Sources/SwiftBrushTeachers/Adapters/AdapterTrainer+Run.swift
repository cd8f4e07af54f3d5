import DiffusionModels
import Foundation
import SwiftBrushRuntime
import Tensor

// What a run stores.
extension AdapterTrainer {
    /// The settings with which a run must be resumed, except the number of steps.
    public struct Record: Codable, Equatable {
        var settings: AdapterTrainingSettings
        var pictures: Int

        /// Whether a run with one record can be resumed with the other.
        public static func == (a: Record, b: Record) -> Bool {
            var settings = a.settings
            settings.iterations = b.settings.iterations
            return settings == b.settings && a.pictures == b.pictures
        }
    }

    private struct State: Codable {
        var stepCount: Int
        var averageUpdateCount: Int
        var streams: AdapterStreams
    }

    /// The settings and the number of pictures.
    public func record() throws -> Record { Record(settings: settings, pictures: captions.count) }

    /// The pictures with their captions, the model's weights, and the prompts of the prior.
    public func contents() -> RunContents { initialContents }

    /// The size of a checkpoint's tensors in bytes.
    public var checkpointByteCount: Int { checkpoint.byteCount + MemoryLayout<Float>.stride * priorCount }

    /// Writes the adapters, their averages, the optimiser, the prior's images, all random streams and the step, atomically. Throws what the file
    /// system throws.
    public func saveCheckpoint(to url: URL) throws {
        let state = State(
            stepCount: stepCount, averageUpdateCount: networkAdapters.average.updateCount, streams: streams)
        try checkpoint.write(state, memory: priorLatents.map { ["prior": $0] } ?? [:], to: url)
    }

    /// Restores the state that ``saveCheckpoint(to:)`` wrote. Throws `SafetensorsError`, or `RunError` for a file of another run; after an error
    /// nothing has changed.
    public func restoreCheckpoint(from url: URL) throws {
        let images = [settings.priorPictures] + latents.shape.dropFirst()
        let file = try SafetensorsFile(contentsOf: url)
        if file.names.contains("memory.prior"), case let found = try file.tensor("memory.prior").shape, found != images
        {
            throw RunError.unsuitable(path: url.path, expected: "images of the prior of \(images)", found: "\(found)")
        }
        let (state, memory) = try checkpoint.restore(State.self, from: url) {
            $0.stepCount >= 0 && $0.averageUpdateCount >= 0
        }
        for average in [networkAdapters.average, textEncoderAdapters?.average] {
            average?.updateCount = state.averageUpdateCount
        }
        (stepCount, streams, priorLatents) = (state.stepCount, state.streams, memory["prior"])
        objective = nil
    }

    private var checkpoint: RunCheckpoint {
        let all = [("network", networkAdapters)] + (textEncoderAdapters.map { [("text_encoder", $0)] } ?? [])
        return RunCheckpoint(
            all.flatMap { [($0, $1.adapters.parameters), ("\($0)_average", $1.average.parameters)] },
            optimizers: [("optimizer", optimizer)], in: [shared])
    }
}

/// The metrics of a step of an ``AdapterTrainer``.
public struct AdapterStep: TrainingStep, Equatable {
    /// The number of the step, from 1.
    public let step: Int
    /// The weighted mean squared error on the pictures.
    public let loss: Double
    /// The same on the prior; nil without one.
    public let priorLoss: Double?
    /// The global gradient norm before clipping.
    public let gradientNorm: Double
    /// The step's wall-clock time.
    public let seconds: Double
    /// The peak memory of the process so far.
    public let peakBytes: Int
}
