import DiffusionModels
import Tensor

/// All random inputs of one step of a teacher's training.
public struct TeacherStepInputs: Sendable {
    /// The indices of the training pictures, one per sample.
    package var pictures: [Int]
    /// The captions, one per sample.
    package var captions: [String]
    /// The timesteps, one per sample.
    package var timesteps: [Int]
    /// The noise ε, `[batch, height, width, channels]`.
    package var noise: Tensor

    /// The inputs of some samples of the batch.
    func samples(_ rows: Range<Int>) -> TeacherStepInputs {
        if rows == timesteps.indices { return self }
        return TeacherStepInputs(
            pictures: Array(pictures[rows]), captions: Array(captions[rows]), timesteps: Array(timesteps[rows]),
            noise: noise.sliced(axis: 0, rows))
    }
}

/// The random streams of a teacher's training, one per purpose.
struct TeacherStreams: Codable, Equatable {
    private var pictures: RandomStream
    private var captions: RandomStream
    private var timesteps: RandomStream
    private var noise: RandomStream

    init(seed: UInt64) {
        let root = RandomStream(seed: seed)
        (pictures, captions) = (root.split("pictures"), root.split("captions"))
        (timesteps, noise) = (root.split("timesteps"), root.split("noise"))
    }

    /// Samples the next step's inputs: pictures by weight, with replacement.
    mutating func next(
        _ batch: Int, of data: [CaptionedPicture], latentShape: [Int], schedule: NoiseSchedule,
        _ configuration: TeacherTrainingConfiguration
    ) -> TeacherStepInputs {
        let indices = WeightedChoice(data.map(\.weight)).indices(batch, using: &pictures)
        return TeacherStepInputs(
            pictures: indices,
            captions: indices.map { configuration.captions.caption(of: data[$0], using: &captions) },
            timesteps: (0..<batch).map { _ in timestep(configuration.noise, schedule) },
            noise: noise.normal([batch] + latentShape))
    }

    private mutating func timestep(_ levels: NoiseLevels, _ schedule: NoiseSchedule) -> Int {
        let isHigh = Double(timesteps.unit()) < levels.highShare
        return timesteps.integer(in: isHigh ? levels.highest(of: schedule) : 0..<schedule.timestepCount)
    }
}

/// Samples indices by weight.
struct WeightedChoice {
    private let sums: [Double]

    init(_ weights: [Double]) {
        var sum = 0.0
        sums = weights.map { weight in
            sum += weight
            return sum
        }
    }

    func indices(_ count: Int, using stream: inout RandomStream) -> [Int] {
        (0..<count).map { _ in
            let place = Double(stream.unit()) * (sums.last ?? 0)
            return min(sums.firstIndex { place < $0 } ?? 0, sums.count - 1)
        }
    }
}
