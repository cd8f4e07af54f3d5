import Autograd
import DiffusionModels
import Distillation
import Tensor

/// The small problem on which a loss is checked sample by sample: five samples of 2 × 3 pixels with four channels, two linear-Gaussian
/// networks with different parameters for every element, and every resource that a loss may need.
struct ContractProblem {
    static let rewardCentre = 1.0
    let schedule: NoiseSchedule
    let data: [LinearGaussian]
    let generator: [LinearGaussian]
    let batch: GeneratedBatch
    let seed: UInt64

    /// The problem of a loss, with the elements of each sample arranged as `sample`: height, width and channels.
    init(_ loss: any DistillationLoss, schedule: NoiseSchedule, seed: UInt64, sample: [Int] = [2, 3, 4]) {
        (self.schedule, self.seed) = (schedule, seed)
        let count = sample.reduce(1, *)
        data = Self.families(LinearGaussian(mean: 0.3, slope: 1.2, deviation: 0.6), count: count, phase: 0.1)
        generator = Self.families(LinearGaussian(mean: -0.1, slope: 0.7, deviation: 0.8), count: count, phase: 0.7)
        var stream = RandomStream(seed: seed)
        let shape = [5] + sample
        let range = loss.timesteps
        let timesteps = [0.05, 0.25, 0.5, 0.7, 0.95].map { range.lowerBound + Int($0 * Double(range.count)) }
        let y = stream.normal([5]).scalars
        // Samples of different sizes, whose weights and rewards differ.
        let original = stream.normal(shape) * Tensor(perSample: [0.6, 0.8, 1, 1.3, 1.6])
        let noise = stream.normal(shape)
        var batch = GeneratedBatch(
            original: original, noise: noise, timesteps: timesteps,
            condition: TextCondition(tokens: Tensor(y.flatMap { [$0, 1] }, shape: [5, 1, 2])),
            nullCondition: TextCondition(tokens: .zeros([5, 1, 2])),
            prompts: [0, 1, 2, 3, 4])
        batch.stream = stream.split("loss")
        batch.targets = stream.normal(shape)
        batch.step = 3
        if loss.needs.contains(.noisedData) {
            batch.noisedData = schedule.noisy(stream.normal(shape), noise: noise, timesteps: timesteps)
        }
        if let range = loss.guidanceTimesteps {
            let timesteps = [0.9, 0.15, 0.35, 0.6, 0.02].map { range.lowerBound + Int($0 * Double(range.count)) }
            batch.guidance = .init(timesteps: timesteps, noise: stream.normal(shape))
        }
        self.batch = batch
    }

    /// A bound of what Float32 leaves of a prediction that is divided by the smallest σ of the batch: 2e-5 on Stable Diffusion's schedule.
    var rounding: Double {
        func smallest(_ schedule: NoiseSchedule) -> Double { batch.timesteps.map(schedule.sigma).min() ?? 1 }
        return 2e-5 * max(1, smallest(.scaledLinear()) / smallest(schedule))
    }

    /// One family for each element, spread evenly around `base`.
    private static func families(_ base: LinearGaussian, count: Int, phase: Double) -> [LinearGaussian] {
        (0..<count).map { index in
            func spread(_ step: Double) -> Double {
                (phase + Double(index) * step).truncatingRemainder(dividingBy: 1) - 0.5
            }
            return LinearGaussian(
                mean: base.mean + 0.8 * spread(0.618), slope: base.slope + 0.4 * spread(0.414),
                deviation: base.deviation + 0.2 * spread(0.732))
        }
    }

    /// The networks; with `isAgreed` the fake score equals the teacher.
    func networks(isAgreed: Bool = false) -> ScoreNetworks {
        let teacher = LinearGaussianPredictor(data, schedule: schedule)
        let fake = isAgreed ? teacher : LinearGaussianPredictor(generator, schedule: schedule)
        return networks(teacher: teacher, fakeScore: fake, ratio: DensityRatio(real: teacher, fake: fake))
    }

    /// Other networks with the problem's resources.
    func networks(teacher: any DenoisingNetwork, fakeScore: any DenoisingNetwork, ratio: DensityRatio? = nil)
        -> ScoreNetworks
    {
        var resources = DistillationResources()
        resources.discriminator =
            ratio
            ?? DensityRatio(
                real: LinearGaussianPredictor(data, schedule: schedule),
                fake: LinearGaussianPredictor(generator, schedule: schedule))
        (resources.decoder, resources.reward) = (DoublingDecoder(), NearnessReward(centre: Self.rewardCentre))
        let student = OneStepStudent(
            network: ConsistencyPredictor(data, start: generator, schedule: schedule),
            step: .swiftBrush, predictionType: .sample)
        return ScoreNetworks(
            teacher: teacher, fakeScore: fakeScore, schedule: schedule, resources: resources, student: student)
    }

    /// The samples of the batch, in Double.
    var references: [ReferenceSample] {
        let condition = batch.condition.tokens.value.scalars
        func row(_ tensor: Tensor, _ index: Int) -> [Double] {
            tensor.sliced(axis: 0, index..<index + 1).scalars.map(Double.init)
        }
        return batch.timesteps.indices.map { index in
            let (timestep, schedule) = (batch.timesteps[index], schedule)
            return ReferenceSample(
                original: row(batch.original, index), noise: row(batch.noise, index), alpha: schedule.alpha(timestep),
                sigma: schedule.sigma(timestep), stream: batch.stream,
                target: batch.targets.map { row($0, index) } ?? [],
                weight: { referenceWeight($0, at: timestep, in: schedule) },
                condition: Double(condition[2 * index]), noisedData: batch.noisedData.map { row($0, index) },
                problem: self, timestep: timestep,
                again: batch.guidance.map { (row($0.noise, index), $0.timesteps[index]) })
        }
    }

    /// One sample of the batch.
    func single(_ index: Int) -> GeneratedBatch {
        func row(_ tensor: Tensor) -> Tensor { tensor.sliced(axis: 0, index..<index + 1) }
        var one = batch
        (one.original, one.noise, one.timesteps) = (row(batch.original), row(batch.noise), [batch.timesteps[index]])
        (one.condition, one.nullCondition) = (
            batch.condition.gathered(rows: [index]), batch.nullCondition.gathered(rows: [index])
        )
        (one.prompts, one.targets) = ([batch.prompts[index]], batch.targets.map(row))
        one.noisedData = batch.noisedData.map(row)
        one.guidance = batch.guidance.map { .init(timesteps: [$0.timesteps[index]], noise: row($0.noise)) }
        return one
    }
}
