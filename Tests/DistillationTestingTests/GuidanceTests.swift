import Autograd
import DiffusionModels
import Distillation
import Tensor
import Testing

@testable import DistillationTesting

/// The effect of guidance for y ~ N(0, 1), x₀|y ~ N(1.2 y, 0.6²) and a student b y + τ z.
@Suite("Guidance")
struct GuidanceTests {
    private let data = LinearGaussian(mean: 0, slope: 1.2, deviation: 0.6)

    private func end(_ teacher: Double, _ fake: Double, from start: LinearGaussian) throws -> LinearGaussian {
        var loss = VariationalScoreDistillation()
        (loss.teacherGuidanceScale, loss.fakeScoreGuidanceScale) = (teacher, fake)
        return try LossContract(loss).flow(from: [start], to: [data], conditionDeviation: 1, steps: 800)[0]
    }

    @Test(
        "With equal guidance scales, SwiftBrush converges to the unguided teacher for any scale",
        arguments: [1, 4.5, 7.5])
    func alike(scale: Double) throws {
        for start in [(0.4, 1.0), (2.0, 0.3), (-0.5, 1.5)] {
            let end = try end(scale, scale, from: LinearGaussian(mean: 0, slope: start.0, deviation: start.1))
            #expect(abs(end.slope - 1.2) <= 1e-3)
            #expect(abs(abs(end.deviation) - 0.6) <= 1e-3)
        }
    }

    @Test(
        "A guidance scale of the teacher above the fake score's increases the slope and reduces the deviation",
        arguments: [(2.0, 1.0, 1.78, 0.097), (4.5, 1.0, 2.45, 0), (4.5, 2.0, 2.01, 0.098)])
    func sharpening(teacher: Double, fake: Double, slope: Double, deviation: Double) throws {
        let end = try end(teacher, fake, from: LinearGaussian(mean: 0, slope: 1, deviation: 0.8))
        // Tolerances for the rounded expectations and for 24 timesteps instead of all.
        #expect(abs(end.slope - slope) <= 0.02, "\(end)")
        #expect(abs(abs(end.deviation) - deviation) <= 0.01, "\(end)")
    }

    /// The network of N(1, 0.7²) with the prompt and N(−0.5, 0.7²) without.
    private struct Shifted: DenoisingNetwork {
        let parameters = ParameterSet()
        let schedule: NoiseSchedule

        func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
            func with(_ mean: Float) -> Variable {
                GaussianPredictor(mean: mean, deviation: 0.7, schedule: schedule)
                    .predict(noisy, at: timesteps, given: condition)
            }
            let conditionMask =
                condition.tokens.sliced(axis: 2, 1..<2).reshaped(to: [timesteps.count, 1, 1, 1])
            return with(-0.5) + (with(1) - with(-0.5)) * conditionMask
        }
    }

    @Test("With equal variances, guidance shifts the mean: N(m_∅ + κ (m_c − m_∅), s²)", arguments: [0, 1, 4.5])
    func shift(scale: Double) throws {
        let schedule = NoiseSchedule.scaledLinear()
        var stream = RandomStream(seed: 1)
        let shape = [4, 1, 1, 1]
        let batch = GeneratedBatch(
            original: stream.normal(shape), noise: stream.normal(shape), timesteps: [50, 300, 600, 900],
            condition: TextCondition(tokens: .ones([4, 1, 2])), nullCondition: TextCondition(tokens: .zeros([4, 1, 2])))
        let teacher = Shifted(schedule: schedule)
        let input = try ScoreNetworks(teacher: teacher, fakeScore: teacher, schedule: schedule)
            .evaluate(batch, needs: [.teacher, .unconditionalTeacher])
        let expected = GaussianPredictor(mean: Float(-0.5 + scale * 1.5), deviation: 0.7, schedule: schedule)
            .predict(input.noisy, at: batch.timesteps.map(Double.init), given: batch.condition).value
        #expect(LossContract.difference(input.teacher.epsilon(guidedBy: scale).value, expected) <= 1e-5)
    }
}
