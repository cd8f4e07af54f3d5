import DiffusionModels
import Distillation
import Foundation
import Tensor

/// One sample of a contract's small problem, in Double: the values that closed forms are written with.
///
/// It has 2 × 3 pixels with four channels, one after the other. Teacher and fake score are linear-Gaussian, each element with its own
/// mean and deviation. The discriminator is the log ratio of their densities, the decoder multiplies by
/// two, and the reward is largest for images of the constant value 1.
public struct ReferenceSample {
    /// x̂₀.
    public var original: [Double]
    /// ε.
    public let noise: [Double]
    /// α and σ of the sample's timestep.
    public let alpha, sigma: Double
    /// The random stream, in the state in which it is passed to the loss.
    public let stream: RandomStream
    /// y, the image of the sample's pair, the target of `PairRegression`.
    public let target: [Double]
    /// ω(t) of a `TimestepWeight` at the sample's timestep.
    public let weight: @Sendable (TimestepWeight) -> Double
    let condition: Double
    let noisedData: [Double]?
    let problem: ContractProblem
    let timestep: Int
    let again: (noise: [Double], timestep: Int)?

    /// The sample noised once more, at the timestep and with the noise of `LossInput.guidance`; without them the sample itself.
    public var guidance: ReferenceSample {
        guard let again else { return self }
        let schedule = problem.schedule
        return ReferenceSample(
            original: original, noise: again.noise, alpha: schedule.alpha(again.timestep),
            sigma: schedule.sigma(again.timestep), stream: stream, target: target,
            weight: { referenceWeight($0, at: again.timestep, in: schedule) }, condition: condition, noisedData: nil,
            problem: problem, timestep: again.timestep, again: nil)
    }

    /// x_t.
    public var noisy: [Double] { noisedData ?? zip(original, noise).map { alpha * $0 + sigma * $1 } }

    /// ε̂_T with the guidance scale `scale`.
    public func teacherEpsilon(guidedBy scale: Double = 1) -> [Double] { epsilon(problem.data, scale, sigma) }
    /// ε̂_F with the guidance scale `scale`.
    public func fakeEpsilon(guidedBy scale: Double = 1) -> [Double] { epsilon(problem.generator, scale, sigma) }
    /// f̂_T, the teacher's x₀.
    public func teacherOriginal(guidedBy scale: Double = 1) -> [Double] {
        original(of: teacherEpsilon(guidedBy: scale))
    }
    /// f̂_F, the fake score's x₀.
    public func fakeOriginal(guidedBy scale: Double = 1) -> [Double] { original(of: fakeEpsilon(guidedBy: scale)) }
    /// ŝ_T, the teacher's score.
    public func teacherScore(guidedBy scale: Double = 1) -> [Double] {
        teacherEpsilon(guidedBy: scale).map { -$0 / sigma }
    }
    /// ŝ_F, the fake score's score.
    public func fakeScore(guidedBy scale: Double = 1) -> [Double] { fakeEpsilon(guidedBy: scale).map { -$0 / sigma } }

    /// D = log p_t(x_t) − log q_t(x_t).
    public var discriminatorLogit: Double { logDensity(problem.data) - logDensity(problem.generator) }

    /// R(D(x̂₀)), the reward of the decoded sample.
    public var reward: Double {
        let square = original.reduce(0) { $0 + pow(2 * $1 - ContractProblem.rewardCentre, 2) }
        return exp(-square / Double(8 * original.count))
    }

    /// The student's x₀ for noisy values x̂_u at another timestep u.
    public func studentOriginal(of noisy: [Double], at timestep: Int) -> [Double] {
        let (a, s) = (problem.schedule.alpha(timestep), problem.schedule.sigma(timestep))
        return noisy.indices.map { index in
            let (data, start) = (problem.data[index], problem.generator[index])
            let total = (a * a * data.deviation * data.deviation + s * s).squareRoot()
            return start.mean + start.deviation * (noisy[index] - a * data.mean) / total
        }
    }

    /// The timestep that is `timesteps` below the sample's, at least 0, with its α and σ.
    public func earlier(by timesteps: Int) -> (timestep: Int, alpha: Double, sigma: Double) {
        let target = max(timestep - timesteps, 0)
        return (target, problem.schedule.alpha(target), problem.schedule.sigma(target))
    }

    private func original(of epsilon: [Double]) -> [Double] { zip(noisy, epsilon).map { ($0 - sigma * $1) / alpha } }

    private func epsilon(_ families: [LinearGaussian], _ scale: Double, _ sigma: Double) -> [Double] {
        func epsilon(_ condition: Double?) -> [Double] {
            zip(noisy, families).map { noisy, family in
                let moments = family.moments(given: condition)
                let variance = alpha * alpha * moments.variance + sigma * sigma
                return sigma * (noisy - alpha * moments.mean) / variance
            }
        }
        return zip(epsilon(nil), epsilon(condition)).map { $0 + scale * ($1 - $0) }
    }

    private func logDensity(_ families: [LinearGaussian]) -> Double {
        zip(noisy, families).reduce(0) { sum, element in
            let moments = element.1.moments(given: condition)
            let variance = alpha * alpha * moments.variance + sigma * sigma
            return sum - 0.5 * (pow(element.0 - alpha * moments.mean, 2) / variance + log(variance))
        }
    }
}
