import Autograd
import DiffusionModels
import Distillation
import SwiftBrushTeachers
import Tensor

// The code of the article `ExtendingSwiftBrush.md` and of the operation in `CustomLayersAndOperations.md`.

struct TinyDenoiser: DenoisingNetwork {
    let parameters: ParameterSet
    let latentSize: LatentSize? = LatentSize(height: 8, width: 8)
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
        let offset = label(condition.tokens.mean(alongAxes: [1]))
        return output(input(noisy, offset: offset).silu())
    }
}

struct ClassLabels: TextEncoder {
    let parameters: ParameterSet
    private let labels: [String]
    private let table: Embedding

    init(_ labels: [String], in scope: ParameterScope) {
        (self.labels, parameters) = (labels + [""], scope.parameters)
        table = Embedding(count: labels.count + 1, width: 8, in: scope["table"])
    }

    func over(_ scope: ParameterScope) -> ClassLabels { ClassLabels(labels.dropLast(), in: scope) }

    func condition(for prompts: [String], windows: Int) throws -> TextCondition {
        let rows = try prompts.map { prompt in
            guard let row = labels.firstIndex(of: prompt) else { throw UnknownLabel(prompt: prompt) }
            return row
        }
        return TextCondition(tokens: table(rows).reshaped(to: [rows.count, 1, 8]))
    }
}

struct UnknownLabel: Error { let prompt: String }

struct FirstChannels: LatentDecoder {
    func pictures(of latents: Variable) -> Variable { latents.sliced(axis: 3, 0..<3) }
}

func teacher(of labels: [String], on latents: Tensor) throws -> TextToImageModel {
    let network = TinyDenoiser(in: ParameterSet().scope)
    let encoder = ClassLabels(labels, in: ParameterSet().scope)
    var stream = RandomStream(seed: 0)
    network.parameters.initialize(using: &stream)
    encoder.parameters.initialize(using: &stream)
    var settings = TeacherTrainingConfiguration()
    settings.captions.phraseShare = 0
    let trainer = try TeacherTrainer(
        network: network, textEncoder: encoder, latents: latents,
        captions: labels.map { CaptionedPicture(fileName: "", text: $0) }, configuration: settings)
    for _ in 0..<10 { try trainer.step() }
    return trainer.teacher(decodingWith: FirstChannels())
}

func student(of teacher: TextToImageModel, prompts: [String]) throws -> TextToImageModel {
    var settings = DistillationConfiguration()
    settings.batchSize = 4
    settings.fakeScoreWeights = .copy
    let distiller = try Distiller(teacher: teacher, prompts: prompts, configuration: settings)
    for _ in 0..<3 { try distiller.step() }
    return try distiller.studentModel(of: teacher)
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

func latents(of prompt: String, by model: TextToImageModel, _ noise: Tensor) throws -> Tensor? {
    let settings = SamplingSettings(steps: 10, guidanceScale: 1, sampler: PlainEuler(schedule: model.schedule))
    var sampler = try model.samples(for: [prompt], settings, seed: 0, start: .latents(noise))
    return try sampler.last()?.latents
}

func cube(_ x: Variable) -> Variable {
    let square = x.value * x.value
    return .custom(square * x.value, of: [x]) { [$0 * square * 3] }
}
