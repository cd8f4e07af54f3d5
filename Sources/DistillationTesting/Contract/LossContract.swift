import DiffusionModels
import Distillation
import Foundation
import Tensor

/// Checks a loss against its theory, with networks in closed form, in seconds.
///
/// Some checks apply to every loss: shape, repeatability, independence of the samples in a batch and of the arrangement of their elements,
/// propagation of NaN, no training of the networks, prediction types, saved settings. A loss that throws, or whose gradient has the wrong
/// shape or is not finite, fails a check of its own, and the others are not run. The statements of a ``LossExpectation`` add others: the formula sample by
/// sample, finite differences, expectations by quadrature and Monte Carlo, and where a student converges on a normal distribution,
/// on a mixture and with guidance.
public struct LossContract {
    /// The loss that is checked.
    public let loss: any DistillationLoss
    /// The theoretical properties of the loss.
    public let expectation: LossExpectation
    /// The title of the report.
    public let title: String
    let data: LinearGaussian
    let seed: UInt64
    let schedule: NoiseSchedule

    /// A contract for `loss`.
    ///
    /// - Parameters:
    ///   - loss: the loss that is checked.
    ///   - expectation: the theoretical properties of the loss.
    ///   - title: the title of the report; nil for the loss's own name.
    ///   - data: the normal distribution that the student must reach; its slope is ignored.
    ///   - schedule: the noise schedule of the networks. On another than Stable Diffusion's, the checks on a mixture and with a slow fake
    ///     score, whose steps and bounds are chosen for it, are left out.
    ///   - seed: the seed of all random numbers, so that a failure is reproducible.
    public init(
        _ loss: any DistillationLoss, expecting expectation: LossExpectation = .matchesData, title: String? = nil,
        data: LinearGaussian = LinearGaussian(mean: 1.5, deviation: 0.7), schedule: NoiseSchedule = .scaledLinear(),
        seed: UInt64 = 7
    ) {
        (self.loss, self.expectation, self.data, self.seed) = (loss, expectation, data, seed)
        self.schedule = schedule
        self.title = title ?? type(of: loss).name
    }

    /// Runs all checks.
    public func run() -> ContractReport {
        let start = ContinuousClock.now
        var checks: [ContractCheck] = []
        do {
            try loss.check(on: schedule)
            let problem = ContractProblem(loss, schedule: schedule, seed: seed)
            let value = try gradient(problem)
            checks = gradientChecks(value)
            if checks.allSatisfy(\.passed) {
                checks += Self.checks("sample by sample") { try sampleChecks(problem, value) }
                checks += Self.checks("networks") { try networkChecks(problem, value) }
                checks += formulaChecks(problem, value)
                checks += Self.checks("expectation") { try expectationChecks() }
                checks += Self.checks("optimum") { try gaussianChecks() }
                checks += Self.checks("guided") { try guidanceChecks() }
                checks += Self.checks("two steps") { try stepsChecks() }
                if schedule == .scaledLinear() {
                    checks += Self.checks("mixture") { try mixtureChecks() }
                    checks += Self.checks("slow fake score") { try laggingChecks() }
                }
            }
        } catch {
            checks = [ContractCheck(error)]
        }
        return ContractReport(
            title: title, checks: checks, seconds: (ContinuousClock.now - start) / .seconds(1),
            millisecondsPerStep: (try? measuredStep()) ?? .nan)
    }

    /// Checks that evaluate the loss several times; if it throws, one failed check that says so.
    private static func checks(_ name: String, _ body: () throws -> [ContractCheck]) -> [ContractCheck] {
        do { return try body() } catch { return [ContractCheck(error, in: name)] }
    }

    /// Checks of the first gradient, without which no other is meaningful.
    private func gradientChecks(_ value: Tensor) -> [ContractCheck] {
        let count = value.nonFiniteCount()
        return [
            ContractCheck("shape", 0, within: 0, "g has the shape of x0, \(value.shape)"),
            ContractCheck(
                "finite", Double(count), within: 0,
                count == 0
                    ? "finite input gives a finite g"
                    : "expected \(value.count) finite numbers, found \(count) that are not; the other checks were not run"
            ),
        ]
    }

    /// g of a batch, by default the problem's with the problem's networks.
    func gradient(_ problem: ContractProblem, _ networks: ScoreNetworks? = nil, of batch: GeneratedBatch? = nil) throws
        -> Tensor
    {
        let networks = networks ?? problem.networks()
        return try loss.checkedGradient(networks.evaluate(batch ?? problem.batch, needs: loss.needs)).value
    }

    private func measuredStep() throws -> Double {
        try loss.check(on: schedule)
        var stream = RandomStream(seed: seed)
        let problem = ContractProblem(loss, schedule: schedule, seed: seed)
        let shape = [1024] + problem.batch.original.shape.dropFirst()
        var batch = GeneratedBatch(
            original: stream.normal(shape), noise: stream.normal(shape),
            timesteps: stream.integers(1024, in: loss.timesteps),
            condition: TextCondition(tokens: .ones([1024, 1, 2])),
            nullCondition: TextCondition(tokens: .zeros([1024, 1, 2])), prompts: [Int](repeating: 0, count: 1024))
        batch.targets = batch.noise
        batch.setGuidance(for: loss)
        if loss.needs.contains(.noisedData) { batch.noisedData = batch.original }
        let (networks, start) = (problem.networks(), ContinuousClock.now)
        for _ in 0..<3 { _ = try loss.gradient(networks.evaluate(batch, needs: loss.needs)) }
        return (ContinuousClock.now - start) / .milliseconds(1) / 3
    }
}
