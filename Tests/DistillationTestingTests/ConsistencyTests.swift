import Autograd
import DiffusionModels
import Distillation
import DistillationTesting
import Tensor
import Testing

/// Latent consistency distillation where the consistency function is known: data N(1.5, 0.7²).
@Suite("Consistency")
struct ConsistencyTests {
    private let schedule = NoiseSchedule.scaledLinear()
    private let data = LinearGaussian(mean: 1.5, deviation: 0.7)

    /// The loss of a student f = M + S (x_t − α m)/√V, and the gradient's sums with 1 and with the standardised x_t.
    private func evaluate(_ student: LinearGaussian, skipping k: Int, at timestep: Int, huber: Double) -> LossGradient {
        var loss = LatentConsistency()
        (loss.skippedTimesteps, loss.guidanceScales, loss.huberConstant) = (k, 1...1, huber)
        var stream = RandomStream(seed: 2)
        let shape = [400, 1, 1, 1]
        let times = Array(repeating: timestep, count: 400)
        let noise = stream.normal(shape)
        let noisy = schedule.noisy(stream.normal(shape) * 0.7 + 1.5, noise: noise, timesteps: times)
        let network = OneStepStudent(
            network: ConsistencyPredictor(data, start: student, schedule: schedule),
            step: OneStepConfiguration(timestep: 999, of: schedule), predictionType: .sample)
        let condition = Tensor.ones([400, 1, 2])
        var batch = GeneratedBatch(
            original: network.original(of: Variable(noisy), at: times, given: condition, on: schedule).value,
            noise: noise, timesteps: times, condition: condition, nullCondition: condition)
        batch.noisedData = noisy
        let teacher = LinearGaussianPredictor(data, schedule: schedule)
        let networks = ScoreNetworks(teacher: teacher, fakeScore: teacher, schedule: schedule, student: network)
        return loss.gradient(networks.evaluate(batch, needs: loss.needs))
    }

    @Test("At the exact function the inconsistency falls fourfold when the step halves")
    func order() {
        // With c = 1 a small gradient is the difference itself.
        let distances = [40, 20, 10].map { k in
            evaluate(data, skipping: k, at: 500, huber: 1).value.squaredNorm().squareRoot()
        }
        for (coarse, fine) in zip(distances, distances.dropFirst()) {
            #expect(abs(coarse / fine - 4) <= 0.25, "\(distances)")
        }
    }

    @Test("Away from it the gradient points back: a mean too high is pulled down, a target is not moved")
    func direction() {
        // Targets come from the same wrong function, so only the boundary at 0 says where the data is.
        let start = LinearGaussian(mean: 1.8, deviation: 0.7)
        let atEnd = evaluate(start, skipping: 20, at: 20, huber: 1e-3).value
        #expect(atEnd.mean() > 0.9)
        let inside = evaluate(start, skipping: 20, at: 500, huber: 1e-3).value
        #expect(abs(inside.mean()) < 0.9)
    }
}
