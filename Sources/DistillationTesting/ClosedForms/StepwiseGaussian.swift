import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor

/// A student of several steps in closed form: step i computes x̂₀ = μ_i + c_i x, with a μ and a c of its own, so that the outputs of every
/// step are normally distributed. Against the teacher of N(m, s²), and with a fake score that is exact in each step's segment, the outputs of
/// every step must become N(m, s²).
package struct StepwiseGaussian {
    /// The loss that trains the student.
    package let loss: any DistillationLoss
    /// The mean and deviation of the data.
    package var data = LinearGaussian(mean: 1.5, deviation: 0.7)
    /// The student's number of steps.
    package var stepCount = 4
    /// The number of training steps.
    package var iterations = 2000
    /// The learning rate, which falls to 0 along half a cosine.
    package var learningRate = 0.02
    /// The noise schedule.
    package var schedule = NoiseSchedule.scaledLinear()

    /// A run of a loss.
    package init(_ loss: any DistillationLoss) { self.loss = loss }

    /// The mean and deviation of the outputs of each of the student's steps after the training.
    package func run() throws -> [(mean: Double, deviation: Double)] {
        var configuration = DistillationConfiguration(for: loss)
        (configuration.studentStepCount, configuration.matchesSegments) = (stepCount, stepCount > 1)
        configuration.studentLearningRate = learningRate
        configuration.learningRateSchedule = .cosine(total: iterations)
        configuration.batchSize = 64
        configuration.fakeScoreTraining.updatesPerStudentUpdate = 0
        configuration.fakeScoreTraining.timesteps = 0..<1000
        try configuration.setStudentTimestep(configuration.studentTimestep, on: schedule)
        let steps = try OneStepConfiguration(
            timestep: configuration.studentTimestep, cumulativeAlpha: configuration.studentCumulativeAlpha,
            sigma: configuration.studentSigma
        ).dividedEvenly(into: stepCount, of: schedule)
        let generator = StepwiseGenerator(steps: steps.steps)
        let teacher = GaussianPredictor(
            mean: Float(data.mean), deviation: Float(data.deviation), schedule: schedule)
        teacher.parameters.freeze()
        let unused = GaussianGenerator(mean: 0, deviation: 1)
        let condition = TextCondition(tokens: .zeros([1, 1, 2]))
        let distiller = try Distiller(
            student: OneStepStudent(network: generator, step: steps, predictionType: .sample), teacher: teacher,
            fakeScore: FakeScore(
                network: StepwiseScore(generator: generator, schedule: schedule), parameters: unused.parameters),
            schedule: schedule, conditions: PromptConditions(condition, null: condition), latentShape: [1, 1, 1],
            loss: loss, configuration: configuration)
        for _ in 0..<iterations { try distiller.step() }
        return generator.moments.map { (Double($0.mean), Double($0.variance.squareRoot())) }
    }
}

/// x̂₀ = μ_i + c_i x at the timestep of step i.
private struct StepwiseGenerator: DenoisingNetwork {
    let steps: [OneStepConfiguration]
    let parameters: ParameterSet
    private let mean: Parameter
    private let scale: Parameter

    init(steps: [OneStepConfiguration]) {
        self.init(steps: steps, scope: ParameterSet().scope)
        mean.value = .zeros([steps.count])
        scale.value = .ones([steps.count])
    }

    private init(steps: [OneStepConfiguration], scope: ParameterScope) {
        (self.steps, parameters) = (steps, scope.parameters)
        mean = scope.parameter("mean", shape: [steps.count], initializer: .zeros)
        scale = scope.parameter("scale", shape: [steps.count], initializer: .ones)
    }

    func over(_ scope: ParameterScope) -> StepwiseGenerator { StepwiseGenerator(steps: steps, scope: scope) }

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let index = steps.firstIndex { Double($0.timestep) == timesteps[0] } ?? 0
        func own(_ parameter: Parameter) -> Variable { parameter.variable.sliced(axis: 0, index..<index + 1) }
        return noisy * own(scale) + own(mean)
    }

    /// The mean and variance of the outputs of each step.
    var moments: [(mean: Float, variance: Float)] {
        var result: [(mean: Float, variance: Float)] = []
        for (index, step) in steps.enumerated() {
            let level = step.level
            let (alpha, sigma) = (Float(level.alpha), Float(level.sigma))
            let input = result.last.map { (alpha * $0.mean, alpha * alpha * $0.variance + sigma * sigma) } ?? (0, 1)
            let (mean, scale) = (self.mean.value.scalars[index], self.scale.value.scalars[index])
            result.append((mean + scale * input.0, scale * scale * input.1))
        }
        return result
    }
}

/// The exact score of the current outputs of each step, in the step's segment.
private struct StepwiseScore: DenoisingNetwork {
    let generator: StepwiseGenerator
    let schedule: NoiseSchedule
    let parameters = ParameterSet()

    func over(_ scope: ParameterScope) -> StepwiseScore { self }

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let moments = generator.moments
        let integers = timesteps.map { Int($0) }
        let own = integers.map { timestep in
            moments[generator.steps.lastIndex { $0.timestep >= timestep } ?? 0]
        }
        return gaussianPrediction(
            noisy, timesteps, mean: Variable(Tensor(perSample: own.map(\.mean))),
            variance: Variable(Tensor(perSample: own.map(\.variance))), schedule: schedule)
    }
}
