import Autograd
import DiffusionModels
import Distillation
import DistillationTesting
import Tensor
import Testing

/// Latent consistency distillation with a known consistency function, for data N(1.5, 0.7²).
@Suite("Consistency")
struct ConsistencyTests {
    private let schedule = NoiseSchedule.scaledLinear()
    private let data = LinearGaussian(mean: 1.5, deviation: 0.7)

    /// The loss gradient of a student f = M + S (x_t − α m)/√V, for 400 samples of noised data.
    private func evaluate(_ student: LinearGaussian, skipping k: Int, at timestep: Int, huber: Double) throws
        -> LossGradient
    {
        var loss = LatentConsistency()
        (loss.skippedTimesteps, loss.guidanceScales, loss.huberConstant) = (k, 1...1, huber)
        var stream = RandomStream(seed: 2)
        let shape = [400, 1, 1, 1]
        let times = Array(repeating: timestep, count: 400)
        let noise = stream.normal(shape)
        let noisy = schedule.noisy(stream.normal(shape) * 0.7 + 1.5, noise: noise, timesteps: times)
        let network = OneStepStudent(
            network: ConsistencyPredictor([data], start: [student], schedule: schedule),
            step: try OneStepConfiguration(timestep: 999, of: schedule), predictionType: .sample)
        let condition = TextCondition(tokens: .ones([400, 1, 2]))
        var batch = GeneratedBatch(
            original: try network.original(of: Variable(noisy), at: times, given: condition, on: schedule).value,
            noise: noise, timesteps: times, condition: condition, nullCondition: condition)
        batch.noisedData = noisy
        let teacher = LinearGaussianPredictor([data], schedule: schedule)
        let networks = ScoreNetworks(teacher: teacher, fakeScore: teacher, schedule: schedule, student: network)
        return try loss.gradient(networks.evaluate(batch, needs: loss.needs))
    }

    @Test("For the exact consistency function, the gradient falls fourfold when the step is halved")
    func order() throws {
        // With c = 1 a small gradient is approximately the difference itself.
        let distances = try [40, 20, 10].map { k in
            try evaluate(data, skipping: k, at: 500, huber: 1).value.squaredNorm().squareRoot()
        }
        for (coarse, fine) in zip(distances, distances.dropFirst()) {
            #expect(abs(coarse / fine - 4) <= 0.25, "\(distances)")
        }
    }

    @Test("For a mean that is too high, the mean gradient exceeds 0.9 only where the target does not use the student")
    func direction() throws {
        // The target comes from the same wrong function, except at u = 0, where it is the teacher's DDIM step.
        let start = LinearGaussian(mean: 1.8, deviation: 0.7)
        let atEnd = try evaluate(start, skipping: 20, at: 20, huber: 1e-3).value
        #expect(atEnd.mean() > 0.9)
        let inside = try evaluate(start, skipping: 20, at: 500, huber: 1e-3).value
        #expect(abs(inside.mean()) < 0.9)
    }
}
