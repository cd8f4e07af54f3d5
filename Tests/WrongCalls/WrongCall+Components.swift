import Autograd
import DiffusionModels
import Foundation
import Tensor

extension WrongCall {
    /// Networks, text encoders, decoders and samplers of one's own that return something else than they should.
    static let components: [WrongCall] = [
        WrongCall("own network: fewer samples", "OwnNetwork.predict", "[2, 4, 4, 4]", "[1, 4, 4, 4]") { bench in
            _ = try bench.own(network: { $0.sliced(axis: 0, 0..<1) }).pictures(for: ["a", "b"], seed: 0)
        },
        WrongCall("own network: fewer channels", "OwnNetwork.predict", "[1, 4, 4, 4]", "[1, 4, 4, 3]") { bench in
            _ = try bench.own(network: { $0.sliced(axis: 3, 0..<3) }).picture(for: "a", seed: 0)
        },
        WrongCall("own network: a scalar", "OwnNetwork.predict", "[1, 4, 4, 4]", "[]") { bench in
            _ = try bench.own(network: { $0.mean() }).picture(for: "a", seed: 0)
        },
        WrongCall("own network: NaN", "non-finite") { bench in
            _ = try bench.own(network: { $0 * .nan }).picture(for: "a", seed: 0)
        },
        WrongCall("own network: fewer channels, sampled", "OwnNetwork.predict", "[1, 4, 4, 4]", "[1, 4, 4, 2]") {
            bench in
            let model = bench.own(network: { $0.sliced(axis: 3, 0..<2) }, isStudent: false)
            _ = try model.picture(for: "a", steps: 2, guidanceScale: 1, seed: 0)
        },
        WrongCall("own network: half of a guided batch", "OwnNetwork.predict", "2 of [1, 4, 4, 4]", "[1, 4, 4, 4]") {
            bench in
            let model = bench.own(network: { $0.sliced(axis: 0, 0..<1) }, isStudent: false)
            _ = try model.picture(for: "a", steps: 2, guidanceScale: 3, seed: 0)
        },
        WrongCall("own network: NaN, sampled", "infinite or not a number", "step 1 of 2") { bench in
            let model = bench.own(network: { $0 * .nan }, isStudent: false)
            _ = try model.picture(for: "a", steps: 2, guidanceScale: 1, seed: 0)
        },
        WrongCall("own text encoder: fewer conditions", "Labels.condition", "[2, tokens, width]", "[1, 1, 2]") {
            bench in
            _ = try bench.own(conditions: { _ in Labels.ones(["a"]) }).pictures(for: ["a", "b"], seed: 0)
        },
        WrongCall("own text encoder: no tokens", "Labels.condition", "[1, tokens, width]", "[1, 0, 2]") { bench in
            _ = try bench.own(conditions: { TextCondition(tokens: .zeros([$0.count, 0, 2])) }).picture(
                for: "a", seed: 0)
        },
        WrongCall("own text encoder: NaN", "embeddings", "finite") { bench in
            _ = try bench.own(conditions: { TextCondition(tokens: Tensor(repeating: .nan, shape: [$0.count, 1, 2])) })
                .picture(for: "a", seed: 0)
        },
        WrongCall("own decoder: 4 channels", "OwnDecoder.pictures", "[1, 4, 4, 3]", "[1, 4, 4, 4]") { bench in
            _ = try bench.own(decoder: { $0 }).picture(for: "a", seed: 0)
        },
        WrongCall("own decoder: one picture for two", "OwnDecoder.pictures", "[2, 4, 4, 3]", "[1, 4, 4, 3]") { bench in
            _ = try bench.own(decoder: { $0.sliced(axis: 0, 0..<1).sliced(axis: 3, 0..<3) })
                .pictures(for: ["a", "b"], seed: 0)
        },
        WrongCall("own decoder: another rank", "OwnDecoder.pictures", "[1, 4, 4, 3]", "[64]") { bench in
            _ = try bench.own(decoder: { $0.reshaped(to: [-1]) }).picture(for: "a", seed: 0)
        },
        WrongCall("own sampler: no points", "points", "at least one", "none") { bench in
            let settings = SamplingSettings(steps: 1, guidanceScale: 1, sampler: OwnSampler(points: 0) { $0.latents })
            var steps = try bench.own(isStudent: false).samples(for: ["a"], settings, seed: 0)
            _ = try steps.last()
        },
        WrongCall("own sampler: latents of another shape", "step", "[1, 4, 4, 4]", "[1, 4, 4, 1]") { bench in
            let sampler = OwnSampler(points: 1) { $0.latents.sliced(axis: 3, 0..<1) }
            let settings = SamplingSettings(steps: 1, guidanceScale: 1, sampler: sampler)
            var steps = try bench.own(isStudent: false).samples(for: ["a"], settings, seed: 0)
            _ = try steps.last()
        },
        WrongCall("own model: the student of another model", "teacher", "architecture") { bench in
            _ = try bench.distiller().studentModel(of: bench.own(isStudent: false))
        },
    ]
}

/// A sampler whose step is any function of the network's prediction.
private struct OwnSampler: Sampler {
    let name = "own sampler"
    let points: Int
    let output: @Sendable (NetworkPrediction) -> Tensor

    mutating func begin(steps: Int) throws -> SamplingPlan {
        SamplingPlan((0..<points).map { _ in SamplingPoint(timestep: 999, on: .scaledLinear()) })
    }

    func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor { output(prediction) }
}
