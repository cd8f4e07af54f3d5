import Autograd
import DiffusionModels
import Tensor

/// A reward that is learned from what the teacher draws, where no CLIP knows such pictures: R = cos(picture, prompt) of two
/// projections that were trained to find each other, as CLIP's (arXiv 2103.00020).
///
/// A convolutional tower sees the picture, a mean over tokens the prompt's embedding. No real picture is seen, and no network that a
/// student is measured with: a student that is rewarded by its judge learns to please the judge.
public struct ContrastiveReward: ImageTextReward {
    /// The tower's and the projections'; frozen.
    public let parameters = ParameterSet()
    /// The same, by which a resumed run recognises the reward.
    public var weights: ParameterSet? { parameters }
    /// The mean R of pictures that the teacher drew for their own prompts: from where on a picture fits well enough, as
    /// ``AlignmentTerm/threshold``.
    public private(set) var teacherMean = 0.0

    private let stages: [Stage]
    private let pictureProjection: Linear
    private let textProjection: Linear
    private let conditions: PromptConditions

    /// A convolution that halves the map, normalisation and activation.
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
        textProjection = Linear(inputs: conditions.null.shape[2], outputs: width, in: scope["text_projection"])
        parameters.initialize(using: &stream)
    }

    /// R of each picture, `[batch]`.
    public func scores(of pictures: Variable, for prompts: [Int]) -> Variable {
        (embeddings(of: pictures) * embeddings(of: prompts)).sum(alongAxes: [1])
    }

    /// `[batch, height, width, 3]` → `[batch, width]` of length 1.
    func embeddings(of pictures: Variable) -> Variable {
        let map = stages.reduce(pictures) { $1($0) }
        return pictureProjection(map.mean(alongAxes: [1, 2])).normalized()
    }

    /// Which prompts → `[prompts, width]` of length 1.
    func embeddings(of prompts: [Int]) -> Variable {
        textProjection(Variable(conditions.conditions(prompts).mean(alongAxes: [1]))).normalized()
    }
}

extension Variable {
    /// Rows of length 1.
    fileprivate func normalized() -> Variable {
        self / (squared().sum(alongAxes: [1], keepingDimensions: true) + 1e-12).squareRoot()
    }
}

extension ContrastiveReward {
    /// How a reward is learned.
    public struct Training: Sendable, Equatable {
        /// Steps of Adam, whose step size falls to 0 along half a cosine.
        public var steps = 600
        /// Pairs a step, each of which looks for its own among them.
        public var batchSize = 64
        /// Adam's step size at the start.
        public var learningRate = 1e-3
        /// What similarities are divided by; CLIP's is learned and begins here.
        public var temperature: Float = 0.07
        /// The deviation of noise on the latents: what the reward looks at is not what a student's noise can change.
        public var noise: Float = 0.1
        /// Of the weights, the order and the noise.
        public var seed: UInt64 = 0

        /// The settings for a few thousand small pictures.
        public init() {}
    }

    /// A reward that has learned a teacher's pictures.
    ///
    /// - Parameters:
    ///   - pairs: the teacher's.
    ///   - decoder: makes pictures of their latents.
    ///   - conditions: the prompts that the pairs count.
    ///   - training: the settings.
    ///   - progress: called after each step with its loss.
    ///
    /// Throws ``DistillationError/nonFinite(step:tensor:count:)``.
    public init(
        learnedFrom pairs: TeacherPairs, decoder: any LatentDecoder, conditions: PromptConditions,
        training: Training = Training(), progress: (_ step: Int, _ loss: Double) -> Void = { _, _ in }
    ) throws {
        let root = RandomStream(seed: training.seed)
        var (start, order, noise) = (root.split("reward"), root.split("reward-order"), root.split("reward-noise"))
        self.init(conditions: conditions, using: &start)
        parameters.unfreeze()
        defer { parameters.freeze() }
        let optimizer = Adam(parameters.all, learningRate: training.learningRate)
        func pictures(_ indices: [Int]) -> Variable {
            let latents = pairs.pictures.gathered(rows: indices)
            return Variable(
                decoder.pictures(of: Variable(latents + noise.normal(latents.shape) * training.noise)).value)
        }
        for step in 0..<training.steps {
            let chosen = order.integers(training.batchSize, in: 0..<pairs.prompts.count)
            let prompts = chosen.map { pairs.prompts[$0] }
            let loss = Self.loss(
                embeddings(of: pictures(chosen)), embeddings(of: prompts), prompts, training.temperature)
            let value = Double(loss.value.item)
            guard value.isFinite else {
                throw DistillationError.nonFinite(step: step + 1, tensor: "the reward's loss", count: 1)
            }
            loss.backward()
            optimizer.learningRate =
                training.learningRate * LearningRateSchedule.cosine(total: training.steps).factor(at: step)
            optimizer.step()
            optimizer.zeroGradients()
            progress(step + 1, value)
        }
        let shown = order.integers(256, in: 0..<pairs.prompts.count)
        teacherMean = scores(of: pictures(shown), for: shown.map { pairs.prompts[$0] }).value.mean()
    }

    /// InfoNCE both ways: the cross entropy of each picture's similarities to all prompts, and of each prompt's to all pictures;
    /// pairs of the same prompt share the answer.
    static func loss(_ pictures: Variable, _ texts: Variable, _ prompts: [Int], _ temperature: Float) -> Variable {
        let similarities = pictures.matmul(texts, transposingOther: true) / temperature
        let answers = prompts.flatMap { own -> [Float] in
            let same = prompts.map { $0 == own ? Float(1) : 0 }
            return same.map { $0 / same.reduce(0, +) }
        }
        let wanted = (similarities * Variable(Tensor(answers, shape: similarities.shape))).sum()
        // Bounded by 1/temperature, their exponentials do not overflow once that is taken off.
        let bounded = (similarities - 1 / temperature).exp()
        let rows = bounded.sum(alongAxes: [1]).log().sum() + bounded.sum(alongAxes: [0]).log().sum()
        return rows / Float(2 * prompts.count) + 1 / temperature - wanted / Float(prompts.count)
    }
}
