import Autograd
import DiffusionModels
import Tensor

/// What score distillation compares, by timestep, on a student's newest samples: the errors of teacher and fake score, their difference, and
/// how much of the resulting gradient is left when the noise is drawn again.
///
/// The fake score is to be the best predictor of x̂₀ on these samples. At a timestep where its error exceeds the teacher's, or where
/// another fake score's is much smaller, its difference from the teacher is mostly its own error.
public struct ScoreErrors: Codable, Sendable {
    /// The values at one timestep.
    public struct Row: Codable, Sendable {
        /// The timestep.
        public let timestep: Int
        /// The mean squared error of the teacher's x₀ on the student's samples.
        public let teacher: Double
        /// The mean squared error of the fake score's x₀.
        public let fakeScore: Double
        /// The mean squared difference of the two predictions of x₀.
        public let difference: Double
        /// The mean square of g = σ² (ε_T − ε_F).
        public let gradient: Double
        /// The part of ``gradient`` that is the same for all noise: the mean square of a sample's mean gradient, without the share of the
        /// noise that is left in the mean.
        public let signal: Double

        /// The part of ``gradient`` that changes with the noise.
        public var noise: Double { gradient - signal }
    }

    /// The number of samples.
    public let samples: Int
    /// How often noise was added to each sample.
    public let repetitions: Int
    /// The rows, one per timestep.
    public let rows: [Row]

    /// Measures a teacher and a fake score on samples of a student, without guidance.
    ///
    /// - Parameters:
    ///   - teacher: the teacher.
    ///   - fakeScore: the fake score's network, in the teacher's prediction type.
    ///   - student: the student.
    ///   - prompts: the prompts, which the samples use in turn.
    ///   - samples: the number of samples.
    ///   - repetitions: how often noise is added to each sample, at least twice.
    ///   - timesteps: the timesteps.
    ///   - seed: the seed of the samples and the noise, which are the same at all timesteps and for all fake scores.
    ///
    /// Throws ``DistillationError`` for settings out of range, and `ModelError` for a student that has several steps or prompts that cannot
    /// be encoded.
    public init(
        of teacher: TextToImageModel, _ fakeScore: any DenoisingNetwork, student: TextToImageModel, prompts: [String],
        samples: Int = 64, repetitions: Int = 8, timesteps: [Int] = [50, 200, 400, 600, 800, 900, 950, 980],
        seed: UInt64 = 0
    ) throws {
        let known = 0..<teacher.schedule.timestepCount
        for (name, isValid, expected, found) in [
            ("prompts", !prompts.isEmpty, "at least one", "none"),
            ("samples", (1...1_000_000).contains(samples), "1 to 1000000", "\(samples)"),
            ("repetitions", (2...1_000_000).contains(repetitions), "2 to 1000000", "\(repetitions)"),
            ("timesteps", timesteps.allSatisfy(known.contains), "0 to \(known.upperBound - 1)", "\(timesteps)"),
        ] where !isValid {
            throw DistillationError.invalidSetting(name: name, expected: expected, found: found)
        }
        for model in [teacher, student] { try model.checkReadsNoImage(operation: "ScoreErrors") }
        guard let generator = student.student else { throw ModelError.notOneStepModel(path: student.name) }
        let texts = (0..<samples).map { prompts[$0 % prompts.count] }
        let embeddings = try teacher.embeddings(for: Array(Set(texts)).sorted())
        let shape = [teacher.latentSize.height, teacher.latentSize.width, teacher.network.latentChannels]
        var streams = RandomStream(seed: seed)
        let latents = streams.normal([samples] + shape)
        let batch = 32
        var sums = timesteps.map { _ in Sums() }
        for start in stride(from: 0, to: samples, by: batch) {
            let range = start..<min(start + batch, samples)
            let condition = try embeddings.condition(for: Array(texts[range]))
            let original = try generator.generate(
                from: Variable(latents.sliced(axis: 0, range)), given: condition
            ).value
            let noises = (0..<repetitions).map { _ in streams.normal(original.shape) }
            for (index, timestep) in timesteps.enumerated() {
                try sums[index].add(
                    original, noises, at: timestep, teacher.network, fakeScore, condition, teacher.schedule)
            }
        }
        (self.samples, self.repetitions) = (samples, repetitions)
        let scalars = Double(latents.count)
        rows = zip(timesteps, sums).map { $1.row(at: $0, scalars: scalars, repetitions: Double(repetitions)) }
    }

    /// The sums over samples and repetitions at one timestep.
    private struct Sums {
        var (teacher, fakeScore, difference, gradient, meanGradient) = (0.0, 0.0, 0.0, 0.0, 0.0)

        mutating func add(
            _ original: Tensor, _ noises: [Tensor], at timestep: Int, _ real: any DenoisingNetwork,
            _ fake: any DenoisingNetwork, _ condition: TextCondition, _ schedule: NoiseSchedule
        ) throws {
            let steps = Array(repeating: timestep, count: original.shape[0])
            let weight = Float(schedule.noiseVariances[timestep])
            var sum = Tensor.zeros(original.shape)
            for noise in noises {
                let noisy = schedule.noisy(original, noise: noise, timesteps: steps)
                let outputs = try [real, fake].map { network in
                    try network.checkedPrediction(Variable(noisy), at: steps.map(Double.init), given: condition).value
                }
                func converted(_ target: PredictionType) -> [Tensor] {
                    outputs.map { schedule.convert($0, to: target, noisy: noisy, timesteps: steps) }
                }
                let (x, epsilon) = (converted(.sample), converted(.epsilon))
                teacher += (x[0] - original).squaredNorm()
                fakeScore += (x[1] - original).squaredNorm()
                difference += (x[1] - x[0]).squaredNorm()
                let step = (epsilon[0] - epsilon[1]) * weight
                gradient += step.squaredNorm()
                sum = sum + step
            }
            meanGradient += (sum * (1 / Float(noises.count))).squaredNorm()
        }

        func row(at timestep: Int, scalars: Double, repetitions: Double) -> Row {
            let (all, mean) = (gradient / scalars / repetitions, meanGradient / scalars)
            // E|mean|² = signal + noise / repetitions, and all = signal + noise.
            let signal = (repetitions * mean - all) / (repetitions - 1)
            return Row(
                timestep: timestep, teacher: teacher / scalars / repetitions,
                fakeScore: fakeScore / scalars / repetitions, difference: difference / scalars / repetitions,
                gradient: all, signal: signal)
        }
    }
}
