import Autograd
import DiffusionModels
import Tensor

/// What adapters learn: the network's output at some noised samples should be a target.
struct AdapterTargets {
    /// The network's input, `[batch, height, width, channels]`.
    var noisy: Tensor
    /// The timesteps, one per sample.
    var timesteps: [Int]
    /// The output that is learned, of the network's prediction type.
    var outputs: Tensor
    /// The weights of the samples.
    var weights: [Double]
    /// The prompts, one per sample.
    var prompts: [String]
}

/// The targets of a kind of model: those of the pictures, and those of the prior, which keep what the model makes of other prompts.
protocol AdapterObjective: Sendable {
    /// The timesteps at which the network is trained.
    var timesteps: [Int] { get }
    /// The share of the prior's samples that get the empty prompt.
    var emptyShare: Double { get }
    /// The number of the prior's samples or prompts to choose from; 0 for none.
    var priorCount: Int { get }
    /// The targets of some samples of a step: those of the pictures in `rows`, and as many of the prior.
    func targets(of inputs: AdapterStepInputs, rows: Range<Int>) throws -> (
        pictures: AdapterTargets, prior: AdapterTargets?
    )
}

/// The denoising loss of a multi-step model on noised pictures, as DreamBooth (arXiv 2208.12242) has it: the prior is images that the model has
/// generated itself, on which it shall go on predicting what it predicts without adapters.
struct DenoisingObjective: AdapterObjective {
    let schedule: NoiseSchedule
    let latents: Tensor
    let captions: [String]
    let prior: PriorImages?
    /// The prediction without adapters at noisy samples, timesteps and prompts; nil for the noise as the prior's target.
    var frozenPrediction: (@Sendable (Tensor, [Int], [String]) throws -> Tensor)?
    /// γ of the min-SNR weights; nil for equal weights.
    let minimumSNR: Double?

    var timesteps: [Int] { Array(0..<schedule.timestepCount) }
    /// Guidance needs the empty prompt's prediction, which adapters would change too.
    var emptyShare: Double { frozenPrediction == nil ? 0 : 0.2 }
    var priorCount: Int { prior?.prompts.count ?? 0 }

    func targets(
        of inputs: AdapterStepInputs, rows: Range<Int>
    ) throws -> (pictures: AdapterTargets, prior: AdapterTargets?) {
        let batch = inputs.pictures.count
        let indices = Array(inputs.pictures[rows])
        let pictures = targets(
            latents.gathered(rows: indices), prompts: indices.map { captions[$0] }, of: inputs, rows: rows)
        guard let prior, !inputs.prior.isEmpty else { return (pictures, nil) }
        let others = Array(inputs.prior[rows])
        let prompts = zip(others, inputs.priorIsEmpty[rows]).map { $1 ? "" : prior.prompts[$0] }
        var kept = targets(
            prior.latents.gathered(rows: others), prompts: prompts, of: inputs,
            rows: rows.lowerBound + batch..<rows.upperBound + batch)
        if let frozenPrediction { kept.outputs = try frozenPrediction(kept.noisy, kept.timesteps, kept.prompts) }
        return (pictures, kept)
    }

    private func targets(
        _ original: Tensor, prompts: [String], of inputs: AdapterStepInputs, rows: Range<Int>
    ) -> AdapterTargets {
        let (noise, timesteps) = (inputs.noise.sliced(axis: 0, rows), Array(inputs.timesteps[rows]))
        let noisy = schedule.noisy(original, noise: noise, timesteps: timesteps)
        return AdapterTargets(
            noisy: noisy, timesteps: timesteps,
            outputs: schedule.prediction(original: original, noise: noise, timesteps: timesteps),
            weights: timesteps.map(weight), prompts: prompts)
    }

    /// min(SNR, γ) as the weight of an x₀ error, divided by what an error of the output counts in x₀.
    func weight(_ timestep: Int) -> Double {
        guard let minimumSNR else { return 1 }
        let error = schedule.level(at: timestep).error(of: .sample, from: schedule.predictionType)
        // ε without signal, where SNR times the squared error is 1 at any other level.
        guard error.isFinite else { return 1 }
        return min(schedule.signalToNoiseRatio(timestep), minimumSNR) * error * error
    }
}

/// A one-step student's error of x₀: noise becomes the picture that it resembles most, and for other prompts what the student makes of it
/// without the adapters.
///
/// With pictures assigned to noise at random the best output would be their mean, a blur. As each noise belongs to one picture, the student
/// stays a function of one step; the pictures' weights do not count. Pairs of similar noise and data are those of minibatch optimal transport (arXiv 2302.00482).
struct OneStepObjective: AdapterObjective {
    let student: OneStepStudent
    let latents: Tensor
    let captions: [String]
    /// The prompts of the prior, with their embeddings without adapters.
    let prior: (prompts: [String], embeddings: PromptEmbeddings)?

    var timesteps: [Int] { [student.step.timestep] }
    var emptyShare: Double { 0 }
    var priorCount: Int { prior?.prompts.count ?? 0 }

    func targets(
        of inputs: AdapterStepInputs, rows: Range<Int>
    ) throws -> (pictures: AdapterTargets, prior: AdapterTargets?) {
        let batch = inputs.pictures.count
        let noise = inputs.noise.sliced(axis: 0, rows)
        let indices = closestPictures(to: noise)
        let pictures = targets(latents.gathered(rows: indices), noise, prompts: indices.map { captions[$0] })
        guard let prior, !inputs.prior.isEmpty else { return (pictures, nil) }
        let other = inputs.noise.sliced(axis: 0, rows.lowerBound + batch..<rows.upperBound + batch)
        let prompts = inputs.prior[rows].map { prior.prompts[$0] }
        let kept = try student.generate(from: Variable(other), given: try prior.embeddings.condition(for: prompts))
        return (pictures, targets(kept.value, other, prompts: prompts))
    }

    private func targets(_ original: Tensor, _ noise: Tensor, prompts: [String]) -> AdapterTargets {
        let (level, type) = (student.step.level, student.predictionType)
        // An error of the output counts as the error of x₀ that it makes.
        let factor = level.error(of: .sample, from: type)
        return AdapterTargets(
            noisy: noise, timesteps: prompts.map { _ in student.step.timestep },
            outputs: level.convert(original, from: .sample, to: type, noisy: noise),
            weights: prompts.map { _ in factor * factor }, prompts: prompts)
    }

    /// The index of the picture whose difference from the pictures' mean has the largest cosine with the noise.
    func closestPictures(to noise: Tensor) -> [Int] {
        let (count, samples) = (latents.shape[0], noise.shape[0])
        guard count > 1 else { return Array(repeating: 0, count: samples) }
        let rows = latents.reshaped(to: [count, -1])
        let centred = rows - rows.mean(alongAxes: [0], keepingDimensions: true)
        let products = noise.reshaped(to: [samples, -1]).matmul(centred, transposingOther: true).scalars
        let norms = (0..<count).map { max(centred.sliced(axis: 0, $0..<$0 + 1).squaredNorm().squareRoot(), 1e-12) }
        return (0..<samples).map { sample in
            (0..<count).max {
                Double(products[sample * count + $0]) / norms[$0] < Double(products[sample * count + $1]) / norms[$1]
            } ?? 0
        }
    }
}
