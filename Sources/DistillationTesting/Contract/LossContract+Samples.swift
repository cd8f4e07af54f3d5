import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor

extension LossContract {
    /// Checks that hold for every loss.
    func sampleChecks(_ problem: ContractProblem, _ value: Tensor) throws -> [ContractCheck] {
        let size = Self.size(value)
        var checks = [
            ContractCheck(
                "repeatable", Self.difference(try gradient(problem), value), within: 0,
                "the same batch gives the same bits"),
            try nonFiniteCheck(problem),
            try settingsCheck(problem, value),
        ]
        if expectation.isPerSample || !loss.couplesSamples {
            let memory = try loss.gradient(problem.networks().evaluate(problem.batch, needs: loss.needs)).memory
            let one = try problem.batch.timesteps.indices.map { try gradient(problem, of: problem.single($0)) }
            // A memory would differ between the parts of a batch.
            let hasPartsOfMemory = !loss.couplesSamples && !memory.isEmpty
            let difference = Self.difference(.concatenate(one, axis: 0), value) / size
            checks.append(
                ContractCheck(
                    "batch independence", hasPartsOfMemory ? .infinity : difference, within: 1e-5,
                    "a sample's g does not depend on its batch; Float32 sums differ in order"))
        }
        if expectation.treatsElementsAlike {
            let flat = try gradient(ContractProblem(loss, schedule: schedule, seed: seed, sample: [1, 1, 24]))
            checks.append(
                ContractCheck(
                    "arrangement", Self.difference(flat.reshaped(to: value.shape), value) / size, within: 1e-5,
                    "g treats 2 × 3 × 4 elements of a sample as it treats 24 channels; Float32 sums differ in order"))
        }
        return checks
    }

    /// The root mean square of a gradient, by which differences are divided.
    private static func size(_ value: Tensor) -> Double {
        max((value.squaredNorm() / Double(value.count)).squareRoot(), 1e-30)
    }

    /// Checks that the networks are evaluated only as the loss declares, and are not trained.
    func networkChecks(_ problem: ContractProblem, _ value: Tensor) throws -> [ContractCheck] {
        let size = Self.size(value)
        let teacher = CountingPredictor(LinearGaussianPredictor(problem.data, schedule: problem.schedule))
        let fake = CountingPredictor(LinearGaussianPredictor(problem.generator, schedule: problem.schedule))
        _ = try gradient(problem, problem.networks(teacher: teacher, fakeScore: fake))
        let passes = teacher.passes + fake.passes
        let declared =
            [LossNeeds.teacher, .unconditionalTeacher, .fakeScore, .unconditionalFakeScore]
            .filter { loss.needs.contains($0) }.count + (loss.guidanceTimesteps == nil ? 0 : 2)
        let touched = [teacher, fake].reduce(0.0) { sum, network in
            sum + (network.weight.gradient?.squaredNorm() ?? 0) + Double(abs(network.weight.value.item - 1))
        }
        var checks = [
            ContractCheck("untouched", touched, within: 0, "no gradient reaches teacher or fake score"),
            ContractCheck(
                "passes per sample", Double(passes) / Double(problem.batch.timesteps.count), within: Double(declared),
                "no forward pass that the loss does not declare"),
        ]
        let types = PredictionType.allCases.filter {
            $0 != schedule.predictionType && ($0 != .flow || schedule.isFlowMatching)
        }
        for type in types {
            var configuration = schedule.configuration
            configuration.predictionType = type
            let other = try gradient(ContractProblem(loss, schedule: NoiseSchedule(configuration), seed: seed))
            checks.append(
                ContractCheck(
                    "as \(type.rawValue)", Self.difference(other, value) / size, within: problem.rounding,
                    "g does not depend on the prediction type; conversions round"))
        }
        if let equal = expectation.atEqualTimesteps {
            var batch = problem.batch
            batch.guidance = .init(timesteps: batch.timesteps, noise: batch.noise)
            let undivided = try equal.gradient(problem.networks().evaluate(problem.batch, needs: equal.needs)).value
            let difference = Self.difference(try gradient(problem, of: batch), undivided)
            checks.append(
                ContractCheck(
                    "equal timesteps", difference / Self.size(undivided), within: 1e-5,
                    "with one noise for both terms g is that of the loss without a term for guidance; sums round"))
        }
        if let later = expectation.atLaterSteps {
            var batch = problem.batch
            batch.studentStep = 1
            let expected = try later.gradient(problem.networks().evaluate(batch, needs: later.needs)).value
            let difference = Self.difference(try gradient(problem, of: batch), expected)
            checks.append(
                ContractCheck(
                    "later steps", difference / Self.size(expected), within: 1e-6,
                    "after the student's first step g is that of the other loss; Float32 sums round"))
        }
        if expectation.vanishesAtAgreement {
            let agreed = try gradient(problem, problem.networks(isAgreed: true))
            let isTraced = !loss.needs.isDisjoint(with: [.teacherJacobian, .fakeScoreJacobian])
            checks.append(
                ContractCheck(
                    "zero at agreement", Self.difference(agreed, .zeros(agreed.shape)),
                    within: isTraced ? 1e-6 * size : 0,
                    isTraced
                        ? "g is zero for a fake score equal to the teacher, as at B = 0; the gradients' sum rounds"
                        : "g is exactly zero for a fake score equal to the teacher, as at B = 0"))
        }
        return checks
    }

    /// max |a − b|; infinite if the shapes differ or a difference is not finite.
    static func difference(_ a: Tensor, _ b: Tensor) -> Double {
        guard a.shape == b.shape else { return .infinity }
        let difference = a - b
        return difference.nonFiniteCount() > 0 ? .infinity : Double(difference.absolute().maximum())
    }

    private func nonFiniteCheck(_ problem: ContractProblem) throws -> ContractCheck {
        var batch = problem.batch
        batch.original[1, 0, 0, 0] = .nan
        batch.noisedData?[1, 0, 0, 0] = .nan
        let isSilent = try gradient(problem, of: batch).nonFiniteCount() == 0
        return ContractCheck(
            "NaN propagates", isSilent ? 1 : 0, within: 0,
            "a non-finite input gives a non-finite g, so that a run stops")
    }

    private func settingsCheck(_ problem: ContractProblem, _ value: Tensor) throws -> ContractCheck {
        let saved = try? SavedLoss(loss)
        let rebuilt = try? saved?.loss(among: [type(of: loss)])
        let again = try rebuilt.map {
            try $0.gradient(problem.networks().evaluate(problem.batch, needs: $0.needs)).value
        }
        return ContractCheck(
            "saved and rebuilt", again.map { Self.difference($0, value) } ?? .infinity, within: 0,
            "its saved settings restore the same loss")
    }
}

/// A network that counts the samples that it evaluates, with a weight that would receive a gradient.
final class CountingPredictor: DenoisingNetwork {
    let parameters = ParameterSet()
    let weight: Parameter
    /// The number of samples so far.
    var passes: Int { count.withLock { $0 } }
    private let count = Lock(0)
    private let network: any DenoisingNetwork

    init(_ network: any DenoisingNetwork) {
        self.network = network
        weight = parameters.scope.parameter("weight", shape: [1], initializer: .ones)
        weight.value = .ones([1])
    }

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        count.withLock { $0 += timesteps.count }
        return network.predict(noisy, at: timesteps, given: condition) * weight.variable
    }
}
