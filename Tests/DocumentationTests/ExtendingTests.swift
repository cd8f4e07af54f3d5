import Autograd
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

/// The code of `Documentation/Extending.md`.
@Suite("Extending")
struct ExtendingTests {
    private var stream = RandomStream(seed: 0)
    private let teacher = TinyDenoiser(in: ParameterSet().scope)

    init() {
        teacher.parameters.initialize(using: &stream)
        teacher.parameters.freeze()
    }

    @Test("The page's code is the code of this file")
    func page() throws {
        func bare(_ text: some StringProtocol) -> String { String(text.filter { !$0.isWhitespace }) }
        let page = try String(
            contentsOf: Fixtures.package.appending(path: "Documentation/Extending.md"), encoding: .utf8)
        let code = bare(try String(contentsOfFile: #filePath, encoding: .utf8))
        let blocks = page.components(separatedBy: "```swift\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        #expect(blocks.count == 4)
        for line in blocks.flatMap({ $0.split(separator: "\n") }) { #expect(code.contains(bare(line)), "\(line)") }
    }

    @Test("A network of one's own, conditioned on class labels, is distilled")
    func network() throws {
        var stream = stream
        let distiller = try distilled(teacher, from: TextCondition(tokens: stream.normal([10, 1, 8])))
        let before = distiller.student.parameters.all.map(\.value.scalars)
        // A new fake score predicts as the teacher does, so that the student moves from the second step on.
        #expect(try distiller.step().studentLoss == 0)
        #expect(try distiller.step().studentLoss > 0)
        #expect(distiller.student.parameters.all.map(\.value.scalars) != before)
    }

    @Test("A sampler of one's own agrees with DDIM at the same timesteps")
    func sampler() throws {
        var stream = stream
        let (noise, labels) = (stream.normal([2, 8, 8, 4]), TextCondition(tokens: stream.normal([2, 1, 8])))
        let found = try #require(try latents(of: labels, by: teacher, noise))
        var expected = noise
        let schedule = NoiseSchedule.scaledLinear()
        for index in 0..<10 {
            let level = schedule.level(at: 999 * (10 - index) / 10)
            let output = teacher.predict(Variable(expected), at: [0, 0], given: labels).value
            let original = level.convert(output, from: .epsilon, to: .sample, noisy: expected)
            let next = index == 9 ? SignalLevel.clean : schedule.level(at: 999 * (9 - index) / 10)
            expected = next.noisy(original, noise: output)
        }
        #expect(relativeError(found, expected) <= 1e-5)
    }

    @Test("An operation of one's own has the gradient of finite differences, and a wrong rule is detected")
    func operation() {
        var stream = stream
        let point = [stream.normal([3, 5])]
        #expect(GradientCheck().run(at: point) { cube($0[0]) }.worstError < 1e-3)
        let wrong = GradientCheck().run(at: point) { inputs in
            let square = inputs[0].value * inputs[0].value
            return .custom(square * inputs[0].value, of: inputs) { [$0 * square * 2] }
        }
        #expect(wrong.worstError > 0.1)
    }
}

struct TinyDenoiser: DenoisingNetwork {
    let parameters: ParameterSet
    private let input: Conv2d
    private let label: Linear
    private let output: Conv2d

    init(in scope: ParameterScope) {
        parameters = scope.parameters
        input = Conv2d(inputs: 4, outputs: 16, kernelSize: 3, padding: .init(1), in: scope["input"])
        label = Linear(inputs: 8, outputs: 16, in: scope["label"])
        output = Conv2d(inputs: 16, outputs: 4, kernelSize: 3, padding: .init(1), in: scope["output"])
    }

    func over(_ scope: ParameterScope) -> TinyDenoiser { TinyDenoiser(in: scope) }

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let offset = label(Variable(condition.tokens.mean(alongAxes: [1])))
        return output(input(noisy, offset: offset).silu())
    }
}

func distilled(_ teacher: TinyDenoiser, from labels: TextCondition) throws -> Distiller {
    var settings = DistillationConfiguration()
    settings.batchSize = 4
    return try Distiller(
        student: OneStepStudent(
            network: teacher.over(teacher.parameters.copy(trainable: true).scope), step: .swiftBrush),
        teacher: teacher, fakeScore: FakeScore(copying: teacher), schedule: .scaledLinear(),
        conditions: PromptConditions(labels, null: TextCondition(tokens: .zeros([1, 1, 8]))),
        latentShape: [8, 8, 4], loss: VariationalScoreDistillation(), configuration: settings)
}

struct PlainEuler: Sampler {
    let name = "plain Euler"
    let schedule: NoiseSchedule
    var points: [SamplingPoint] = []

    mutating func begin(steps: Int) throws -> SamplingPlan {
        points = (1...steps).reversed().map { SamplingPoint(timestep: 999 * $0 / steps, on: schedule) }
        return SamplingPlan(points)
    }

    func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let next = index + 1 < points.count ? points[index + 1].level : .clean
        return next.noisy(prediction.original, noise: prediction.epsilon)
    }
}

func latents(of labels: TextCondition, by network: TinyDenoiser, _ noise: Tensor) throws -> Tensor? {
    var sampler = try DiffusionSampler(
        PlainEuler(schedule: .scaledLinear()), network: network, predictionType: .epsilon, condition: labels,
        steps: 10, latents: noise)
    return try sampler.last()?.latents
}

func cube(_ x: Variable) -> Variable {
    let square = x.value * x.value
    return .custom(square * x.value, of: [x]) { [$0 * square * 3] }
}
