import DiffusionModels
import Tensor

/// Samplings of a teacher that advance side by side, each at a step of its own: the points at which a network learns what the teacher predicts there,
/// without images.
struct RunningSamplings {
    /// The latents, `[batch, height, width, channels]`.
    private(set) var latents: Tensor
    private(set) var state: State
    private let points: [SamplingPoint]
    private var sampler: any Sampler
    private let promptCount: Int

    /// Everything but the latents.
    struct State: Codable, Equatable {
        /// The prompt of each sampling.
        var prompts: [Int]
        /// The next step of each.
        var steps: [Int]
        /// The step after which each begins anew.
        var ends: [Int]
        var stream: RandomStream
    }

    /// Samplings from noise. The first ones end early, one after the other, so that afterwards each is at another step.
    ///
    /// - Parameters:
    ///   - count: the samplings.
    ///   - steps: the steps of each.
    ///   - latentShape: `[height, width, channels]`.
    ///   - promptCount: the prompts of which each sampling draws one.
    ///   - sampler: one that adds no noise and keeps nothing from step to step.
    ///   - seed: the seed of noise and prompts.
    ///
    /// Throws `ModelError` for a schedule that has fewer timesteps than steps.
    init(
        count: Int, steps: Int, latentShape: [Int], promptCount: Int, sampler: any Sampler, seed: UInt64
    ) throws {
        var sampler = sampler
        let points = try sampler.begin(steps: steps).points
        (self.sampler, self.points, self.promptCount) = (sampler, points, promptCount)
        var stream = RandomStream(seed: seed).split("samplings")
        latents = stream.normal([count] + latentShape)
        state = State(
            prompts: (0..<count).map { _ in stream.integer(in: 0..<promptCount) },
            steps: Array(repeating: 0, count: count),
            ends: (0..<count).map { max(1, points.count * ($0 + 1) / count) }, stream: stream)
    }

    /// The timestep of each sampling's next step.
    var timesteps: [Double] { state.steps.map { points[$0].timestep } }

    /// Takes a step of each sampling, and begins those anew that have ended.
    ///
    /// - Parameters:
    ///   - outputs: the teacher's guided outputs for the latents.
    ///   - type: what they predict.
    mutating func advance(by outputs: Tensor, _ type: PredictionType) {
        var rows: [Tensor] = []
        for row in state.steps.indices {
            let step = state.steps[row]
            if step + 1 == state.ends[row] {
                rows.append(state.stream.normal([1] + latents.shape.dropFirst()))
                state.prompts[row] = state.stream.integer(in: 0..<promptCount)
                (state.steps[row], state.ends[row]) = (0, points.count)
                continue
            }
            let prediction = NetworkPrediction(
                latents: latents.sliced(axis: 0, row..<row + 1), output: outputs.sliced(axis: 0, row..<row + 1),
                type: type, point: points[step])
            // The sampler adds no noise.
            var noise = LatentNoise(streams: [])
            rows.append(sampler.step(prediction, at: step, noise: &noise))
            state.steps[row] = step + 1
        }
        latents = .concatenate(rows, axis: 0)
    }

    /// Continues from a checkpoint's state.
    mutating func restore(_ state: State, latents: Tensor) { (self.state, self.latents) = (state, latents) }

    /// Whether a checkpoint's state is one of these samplings.
    func fits(_ other: State) -> Bool {
        let count = state.steps.count
        return [other.prompts.count, other.steps.count, other.ends.count].allSatisfy { $0 == count }
            && other.prompts.allSatisfy { (0..<promptCount).contains($0) }
            && zip(other.steps, other.ends).allSatisfy { $0 >= 0 && $0 < $1 && $1 <= points.count }
    }
}
