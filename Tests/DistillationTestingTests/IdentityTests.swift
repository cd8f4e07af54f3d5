import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor
import Testing

@testable import DistillationTesting

/// Settings for which one loss equals another, and identities between predictions.
@Suite("Identities between losses")
struct IdentityTests {
    private func gradient(_ loss: any DistillationLoss) throws -> Tensor {
        let problem = ContractProblem(loss, schedule: .scaledLinear(), seed: 5)
        return try loss.gradient(problem.networks().evaluate(problem.batch, needs: loss.needs)).value
    }

    /// The loss input of the small problem for the given needs.
    private func evaluated(_ needs: LossNeeds) throws -> LossInput {
        let problem = ContractProblem(VariationalScoreDistillation(), schedule: .scaledLinear(), seed: 5)
        return try problem.networks().evaluate(problem.batch, needs: needs)
    }

    private func error(_ a: Tensor, _ b: Tensor) -> Double {
        LossContract.difference(a, b) / (b.squaredNorm() / Double(b.count)).squareRoot()
    }

    @Test("Score implicit matching with the squared distance is α²/σ⁴ times score identity distillation")
    func implicitAndIdentity() throws {
        var squared = ScoreImplicitMatching()
        (squared.distance, squared.timesteps) = (.squared, 20..<980)
        var constant = ScoreIdentityDistillation()
        constant.smallestDenominator = 1000
        let sample = try evaluated([])
        let factor = sample.alpha.value.squared() / sample.sigma.value.squared().squared()
        let problem = ContractProblem(constant, schedule: .scaledLinear(), seed: 5)
        let identity = try constant.gradient(problem.networks().evaluate(problem.batch, needs: constant.needs)).value
        let times = problem.batch.timesteps
        let scale =
            problem.schedule.alphas(times).squared() / problem.schedule.sigmas(times).squared().squared() * 1000
        #expect(factor.shape == scale.shape)
        #expect(error(try gradient(squared), identity * scale) <= 1e-5)
    }

    @Test("Losses are equal bit for bit under the settings that make them the same formula")
    func specialCases() throws {
        var reverse = FDivergenceDistillation()
        (reverse.divergence, reverse.isNormalized) = (.reverseKL, false)
        #expect(try LossContract.difference(gradient(reverse), gradient(DistributionMatchingDistillation())) == 0)

        var random = RandomGuidanceDistillation()
        random.guidanceScales = 4.5...4.5
        #expect(try LossContract.difference(gradient(random), gradient(VariationalScoreDistillation())) == 0)

        let plain = try gradient(ScoreIdentityDistillation())
        #expect(try LossContract.difference(gradient(ScoreIdentityDistillation.longShortGuidance(1)), plain) == 0)
    }

    @Test("f-distill's weights have mean 1 over a batch, and the running means of its ratios are kept in memory")
    func normalization() throws {
        var loss = FDivergenceDistillation()
        loss.divergence = .forwardKL
        let problem = ContractProblem(loss, schedule: .scaledLinear(), seed: 5)
        var plain = loss
        plain.divergence = .reverseKL
        func gradient(_ loss: FDivergenceDistillation, _ memory: [String: Tensor] = [:]) throws -> LossGradient {
            var batch = problem.batch
            batch.memory = memory
            return try loss.gradient(problem.networks().evaluate(batch, needs: loss.needs))
        }
        let (weighted, unweighted) = try (gradient(loss), gradient(plain))
        let weights = (0..<5).map { weighted.value[$0, 0, 0, 0] / unweighted.value[$0, 0, 0, 0] }
        #expect(abs(weights.reduce(0, +) / 5 - 1) <= 1e-5)
        let means = try #require(weighted.memory["means"])
        let ratios = problem.references.map { min(max(exp($0.discriminatorLogit), 0.01), 100) }
        // Timesteps 68, 260, 500, 692 and 932 are in five different bins.
        for (bin, ratio) in zip([0, 2, 5, 6, 9], ratios) {
            #expect(abs(Double(means[bin]) - (0.99 + 0.01 * ratio)) <= 1e-5)
        }
        let again = try #require(gradient(loss, weighted.memory).memory["means"])
        #expect(abs(Double(again[0]) - (0.99 * Double(means[0]) + 0.01 * ratios[0])) <= 1e-5)
    }

    @Test("The alignment gradient is exactly zero above the reward threshold and after the decay")
    func clamp() throws {
        var alignment = AlignmentTerm()
        alignment.threshold = 0
        #expect(try gradient(alignment).absolute().maximum() == 0)
        alignment.threshold = 2
        #expect(try gradient(alignment).absolute().minimum() > 0)
        alignment.decaySteps = 3
        #expect(try gradient(alignment).absolute().maximum() == 0)
    }

    @Test("f_F − f_T = (σ/α)(ε_T − ε_F); guidance scale 1 is the conditional prediction and 0 the unconditional one")
    func predictions() throws {
        let sample = try evaluated([.teacher, .unconditionalTeacher, .fakeScore])
        let ratio = sample.sigma / sample.alpha
        let expected = (sample.teacher.epsilon() - sample.fakeScore.epsilon()) * ratio
        let found = sample.fakeScore.original() - sample.teacher.original()
        #expect(error(found.value, expected.value) <= 1e-5)
        #expect(sample.teacher.epsilon(guidedBy: 1).value.scalars == sample.teacher.conditional.value.scalars)
        let unconditional = try #require(sample.teacher.unconditional)
        #expect(sample.teacher.epsilon(guidedBy: 0).value.scalars == unconditional.value.scalars)
    }

    @Test("The score identity: E[(f_T − f_F)(f_T − x₀)] = E[(f_T − f_F)²]", arguments: [200, 500, 800])
    func scoreIdentity(timestep: Int) throws {
        let schedule = NoiseSchedule.scaledLinear()
        let (data, student) = (LinearGaussian(mean: 1.5, deviation: 0.7), LinearGaussian(mean: -0.5, deviation: 1.1))
        let networks = ScoreNetworks(
            teacher: LinearGaussianPredictor([data], schedule: schedule),
            fakeScore: LinearGaussianPredictor([student], schedule: schedule), schedule: schedule)
        let samples = FlowSamples(
            nodes: .gaussHermite, timesteps: [timestep], conditionDeviation: nil, seed: 0)
        let input = try networks.evaluate(
            GeneratedBatch(
                original: samples.latents * 1.1 - 0.5, noise: samples.noise, timesteps: samples.timesteps,
                condition: samples.conditions, nullCondition: samples.conditions), needs: [.teacher, .fakeScore])
        let (teacher, fake) = (input.teacher.original().value, input.fakeScore.original().value)
        let shares = samples.shares ?? .ones(teacher.shape)
        let cross = ((teacher - fake) * (teacher - input.original.value)).dot(shares)
        let square = (teacher - fake).squared().dot(shares)
        let (a, s) = (schedule.alpha(timestep), schedule.sigma(timestep))
        let (v, w) = (a * a * 0.49 + s * s, a * a * 1.21 + s * s)
        let (shift, slope) = (2 * s * s / v, a * 0.49 / v - a * 1.21 / w)
        let expected = shift * shift + slope * slope * w
        #expect(abs(square - expected) <= 1e-5 * expected)
        #expect(abs(cross - expected) <= 1e-5 * expected)
    }

    @Test("An untrained student at T generates about the teacher's mean: its gain on the noise is 0.0335")
    func untrainedStudent() throws {
        let schedule = NoiseSchedule.scaledLinear()
        let student = OneStepStudent(
            network: GaussianPredictor(mean: 1.5, deviation: 0.7, schedule: schedule),
            step: try OneStepConfiguration(timestep: 999, of: schedule))
        let batch = try student.generate(
            from: Variable(Tensor([-1, 1], shape: [2, 1, 1, 1])), given: TextCondition(tokens: .zeros([2, 1, 2])))
        let (a, s) = (schedule.alpha(999), schedule.sigma(999))
        let gain = a * 0.49 / (a * a * 0.49 + s * s)
        #expect(abs(gain - 0.0335) <= 5e-5)
        // x0 is the difference of two numbers that are 15 times as large.
        #expect(abs(Double(batch.value.scalars[1] - batch.value.scalars[0]) / 2 - gain) <= 1e-5)
    }
}
