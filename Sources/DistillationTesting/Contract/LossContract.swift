import DiffusionModels
import Distillation
import Foundation
import Tensor

/// Holds a loss against what theory says of it, with networks in closed form, in seconds.
///
/// Checks that need no theory are made of every loss: shape, repeatability, samples that leave each other alone, silence about
/// nothing, untouched networks, prediction types, saved settings. What a ``LossExpectation`` states is checked besides: the formula
/// sample by sample, finite differences, expectations by quadrature and by chance, where a student ends on a normal distribution,
/// on a mixture, and under guidance.
public struct LossContract {
    /// The loss.
    public let loss: any DistillationLoss
    /// What is known of it.
    public let expectation: LossExpectation
    /// What the report calls it.
    public let title: String
    let data: LinearGaussian
    let seed: UInt64
    let schedule = NoiseSchedule.scaledLinear()

    /// The contract of a loss.
    ///
    /// - Parameters:
    ///   - loss: what is checked.
    ///   - expectation: what is known of it.
    ///   - title: what the report calls it; nil for the loss's own name.
    ///   - data: the normal distribution that the student is to find; its slope is not read.
    ///   - seed: of everything random. A seed that fails does so every time.
    public init(
        _ loss: any DistillationLoss, expecting expectation: LossExpectation = .matchesData, title: String? = nil,
        data: LinearGaussian = LinearGaussian(mean: 1.5, deviation: 0.7), seed: UInt64 = 7
    ) {
        (self.loss, self.expectation, self.data, self.seed) = (loss, expectation, data, seed)
        self.title = title ?? type(of: loss).name
    }

    /// Makes all checks.
    public func run() -> ContractReport {
        let start = ContinuousClock.now
        var checks = sampleChecks() + networkChecks() + formulaChecks()
        checks += expectationChecks() + gaussianChecks() + guidanceChecks() + mixtureChecks()
        return ContractReport(
            title: title, checks: checks, seconds: (ContinuousClock.now - start) / .seconds(1),
            millisecondsPerStep: measuredStep())
    }

    /// The gradient of a problem's batch.
    func gradient(_ problem: ContractProblem, _ networks: ScoreNetworks? = nil, of batch: GeneratedBatch? = nil)
        -> Tensor
    {
        loss.gradient((networks ?? problem.networks()).evaluate(batch ?? problem.batch, needs: loss.needs)).value
    }

    private func measuredStep() -> Double {
        var stream = RandomStream(seed: seed)
        let problem = ContractProblem(loss, seed: seed)
        let shape = [1024, 1, 1, 1]
        var batch = GeneratedBatch(
            original: stream.normal(shape), noise: stream.normal(shape),
            timesteps: stream.integers(1024, in: loss.timesteps), condition: .ones([1024, 1, 2]),
            nullCondition: .zeros([1024, 1, 2]), prompts: [Int](repeating: 0, count: 1024))
        batch.targets = batch.noise
        if loss.needs.contains(.noisedData) { batch.noisedData = batch.original }
        let (networks, start) = (problem.networks(), ContinuousClock.now)
        for _ in 0..<3 { _ = loss.gradient(networks.evaluate(batch, needs: loss.needs)) }
        return (ContinuousClock.now - start) / .milliseconds(1) / 3
    }
}
