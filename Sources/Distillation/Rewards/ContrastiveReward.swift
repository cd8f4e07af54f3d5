import Autograd
import DiffusionModels
import SwiftBrushRuntime
import Tensor

/// A reward that is trained on the teacher's images, for domains that CLIP does not cover: R = cos(image, prompt) of two
/// projections that are trained contrastively, as CLIP's (arXiv 2103.00020).
///
/// A convolutional tower encodes the image, a mean over tokens the prompt's embedding. It uses no real images and no network with
/// which students are evaluated: a student that is trained on its evaluation metric overfits to it.
public struct ContrastiveReward: ImageTextReward {
    /// The parameters of the tower and the projections; frozen.
    public let parameters = ParameterSet()
    /// The parameters, by which a resumed run recognises the reward.
    public var weights: ParameterSet? { parameters }
    /// The mean R of the teacher's images for their own prompts, a suitable ``AlignmentTerm/threshold``.
    public private(set) var teacherMean = 0.0

    private let stages: [Stage]
    private let pictureProjection: Linear
    private let textProjection: Linear
    private let conditions: PromptConditions

    /// A strided convolution that halves the resolution, normalisation and activation.
    private struct Stage {
        let convolution: Conv2d
        let norm: GroupNorm

        init(inputs: Int, outputs: Int, in scope: ParameterScope) {
            convolution = Conv2d(
                inputs: inputs, outputs: outputs, kernelSize: 3, stride: 2, padding: .init(1), in: scope["conv"])
            norm = GroupNorm(channels: outputs, groups: 8, epsilon: 1e-5, in: scope["norm"])
        }

        func callAsFunction(_ x: Variable) -> Variable { norm(convolution(x), activation: .silu) }
    }

    /// A reward with random weights.
    init(conditions: PromptConditions, width: Int = 128, using stream: inout RandomStream) {
        self.conditions = conditions
        let (scope, channels) = (parameters.scope, [3, 32, 64, 128, 128])
        stages = channels.indices.dropLast().map {
            Stage(inputs: channels[$0], outputs: channels[$0 + 1], in: scope["stages"][$0])
        }
        pictureProjection = Linear(inputs: 128, outputs: width, in: scope["picture_projection"])
        textProjection = Linear(inputs: conditions.null.tokens.shape[2], outputs: width, in: scope["text_projection"])
        parameters.initialize(using: &stream)
    }

    /// R of each image, `[batch]`.
    public func scores(of pictures: Variable, for prompts: [Int]) -> Variable {
        (embeddings(of: pictures) * embeddings(of: prompts)).sum(alongAxes: [1])
    }

    /// Unit-length embeddings of images: `[batch, height, width, 3]` → `[batch, width]`.
    func embeddings(of pictures: Variable) -> Variable {
        let map = stages.reduce(pictures) { $1($0) }
        return pictureProjection(map.mean(alongAxes: [1, 2])).normalized()
    }

    /// Unit-length embeddings of prompts given by index, `[prompts, width]`.
    func embeddings(of prompts: [Int]) -> Variable {
        textProjection(conditions.conditions(prompts).tokens.mean(alongAxes: [1])).normalized()
    }
}

extension Variable {
    /// The rows, scaled to length 1.
    fileprivate func normalized() -> Variable {
        self / (squared().sum(alongAxes: [1], keepingDimensions: true) + 1e-12).squareRoot()
    }
}

extension ContrastiveReward {
    /// How a reward is trained.
    public struct Training: Sendable, Equatable {
        /// Steps of Adam, whose learning rate follows a cosine schedule to 0.
        public var steps = 600
        /// Pairs per step, each contrasted with all others.
        public var batchSize = 64
        /// Adam's initial learning rate.
        public var learningRate = 1e-3
        /// The temperature of the similarities; CLIP's is learned and starts at this value.
        public var temperature: Float = 0.07
        /// The standard deviation of noise added to the latents, so that the reward is insensitive to a student's noise.
        public var noise: Float = 0.1
        /// The seed of weights, order and noise.
        public var seed: UInt64 = 0

        /// The settings for a few thousand small images.
        public init() {}

        /// Throws ``DistillationError`` for a setting that is out of range.
        func check() throws {
            for (name, isValid, expected, found) in [
                ("steps", (0...1_000_000).contains(steps), "0 to 1000000", "\(steps)"),
                ("batchSize", (1...65_536).contains(batchSize), "1 to 65536", "\(batchSize)"),
                ("learningRate", (0...1).contains(learningRate), "a number from 0 to 1", "\(learningRate)"),
                ("temperature", (1e-6...1e6).contains(temperature), "a number from 1e-6 to 1e6", "\(temperature)"),
                ("noise", (0...1000).contains(noise), "a number from 0 to 1000", "\(noise)"),
            ] where !isValid {
                throw DistillationError.invalidSetting(name: "training.\(name)", expected: expected, found: found)
            }
        }
    }

    /// Trains a reward on a teacher's images.
    ///
    /// - Parameters:
    ///   - pairs: the teacher's pairs.
    ///   - decoder: decodes their latents to images.
    ///   - conditions: the prompts to which the pairs' indices refer.
    ///   - training: the settings.
    ///   - progress: called after each step with its loss.
    ///
    /// Throws ``DistillationError`` for a setting out of range, and `RunError.nonFinite(step:tensor:count:)`.
    public init(
        learnedFrom pairs: TeacherPairs, decoder: any LatentDecoder, conditions: PromptConditions,
        training: Training = Training(), progress: (_ step: Int, _ loss: Double) -> Void = { _, _ in }
    ) throws {
        try training.check()
        let root = RandomStream(seed: training.seed)
        var (start, order, noise) = (root.split("reward"), root.split("reward-order"), root.split("reward-noise"))
        self.init(conditions: conditions, using: &start)
        parameters.unfreeze()
        defer { parameters.freeze() }
        let optimizer = try Adam(parameters.all, learningRate: training.learningRate)
        func pictures(_ indices: [Int]) throws -> Variable {
            let latents = pairs.pictures.gathered(rows: indices)
            return Variable(
                try decoder.checkedPictures(of: Variable(latents + noise.normal(latents.shape) * training.noise)).value)
        }
        for step in 0..<training.steps {
            let chosen = order.integers(training.batchSize, in: 0..<pairs.prompts.count)
            let prompts = chosen.map { pairs.prompts[$0] }
            let loss = try Self.loss(
                embeddings(of: pictures(chosen)), embeddings(of: prompts), prompts, training.temperature)
            try loss.value.checkFinite("the reward's loss", step: step + 1)
            loss.backward()
            optimizer.learningRate =
                training.learningRate * LearningRateSchedule.cosine(total: training.steps).factor(at: step)
            try ClippedStep(of: optimizer, limit: .infinity, "the reward's gradient", step: step + 1)
                .apply("the reward", step: step + 1)
            progress(step + 1, Double(loss.value.item))
        }
        let shown = order.integers(256, in: 0..<pairs.prompts.count)
        teacherMean = try scores(of: pictures(shown), for: shown.map { pairs.prompts[$0] }).value.mean()
    }

    /// Symmetric InfoNCE: the cross entropy of each image's similarities to all prompts, and of each prompt's to all images; pairs
    /// with the same prompt share the target.
    static func loss(_ pictures: Variable, _ texts: Variable, _ prompts: [Int], _ temperature: Float) -> Variable {
        let similarities = pictures.matmul(texts, transposingOther: true) / temperature
        let answers = prompts.flatMap { own -> [Float] in
            let same = prompts.map { $0 == own ? Float(1) : 0 }
            return same.map { $0 / same.reduce(0, +) }
        }
        let wanted = (similarities * Variable(Tensor(answers, shape: similarities.shape))).sum()
        // Similarities are at most 1/temperature; subtracting it keeps their exponentials from overflowing.
        let bounded = (similarities - 1 / temperature).exp()
        let rows = bounded.sum(alongAxes: [1]).log().sum() + bounded.sum(alongAxes: [0]).log().sum()
        return rows / Float(2 * prompts.count) + 1 / temperature - wanted / Float(prompts.count)
    }
}
