import Autograd
import DiffusionModels
import Foundation
import Tensor

extension SmallPictureAlignment {
    /// The settings of an alignment's training. The defaults took two minutes on two cores for 1,100 pictures.
    public struct Training: Sendable {
        /// The number of steps, each over all pictures.
        public var steps = 150
        /// The width of the joint embedding space.
        public var width = 128
        /// AdamW's maximum learning rate, which falls to 0 along half a cosine.
        public var learningRate = 1e-2
        /// AdamW's weight decay.
        public var weightDecay = 0.1
        /// The factor by which cosines are multiplied before the softmax: the inverse temperature.
        public var scale: Float = 15
        /// The standard deviation of the noise that is added to standardised features.
        public var featureNoise: Float = 0.5
        /// The seed of the initial weights, the noise and the captions.
        public var seed: UInt64 = 0

        /// Creates the default settings.
        public init() {}

        /// Throws ``EvaluationError`` for a setting that is out of range.
        func check() throws {
            for (name, isValid, expected, found) in [
                ("steps", (0...1_000_000).contains(steps), "0 to 1000000", "\(steps)"),
                ("width", (1...65_536).contains(width), "1 to 65536", "\(width)"),
                ("learningRate", (0...1).contains(learningRate), "a number from 0 to 1", "\(learningRate)"),
                ("weightDecay", (0...1).contains(weightDecay), "a number from 0 to 1", "\(weightDecay)"),
                // Larger logits could overflow.
                ("scale", (0...80).contains(scale), "a number from 0 to 80", "\(scale)"),
                ("featureNoise", (0...1000).contains(featureNoise), "a number from 0 to 1000", "\(featureNoise)"),
            ] where !isValid {
                throw EvaluationError.invalidSetting(name: "training.\(name)", expected: expected, found: found)
            }
        }
    }

    /// Trains an alignment with a contrastive loss in both directions (InfoNCE, arXiv 1807.03748, as in CLIP).
    ///
    /// Each step samples a caption per picture: its name, some keywords, both, or its group. Since such a caption can fit several
    /// pictures, its targets are all pictures whose words include the caption's, with equal shares.
    ///
    /// - Parameters:
    ///   - entries: the captions, one entry per picture.
    ///   - features: the pictures' features, in the same order.
    ///   - network: the network that computed the features.
    ///   - training: the settings.
    ///   - progress: called with each step's number and loss.
    ///
    /// Throws ``EvaluationError`` for a different number of features, pictures without captions, or a loss that is not finite.
    public init(
        training entries: [PictureEntry], features: Features, network: any FeatureNetwork,
        _ training: Training = Training(), progress: (_ step: Int, _ loss: Double) -> Void = { _, _ in }
    ) throws {
        try training.check()
        guard entries.count == features.count, entries.count > 1, features.width == network.width,
            entries.allSatisfy({ $0.text != nil })
        else {
            throw EvaluationError.unsuitableFeatures(
                metric: "SmallPictureAlignment",
                expected: "captioned pictures with one feature vector of \(network.width) each",
                found: "\(entries.count { $0.text != nil }) captions and \(features.count) of \(features.width)")
        }
        let captions = CaptionSampling(entries)
        let (standardized, mean, deviation) = features.tensor(0..<features.count).standardized()
        var stream = RandomStream(seed: training.seed)
        let set = ParameterSet()
        let words = set.scope.parameter(
            "words", shape: [captions.bag.words.count, training.width], initializer: .normal(deviation: 0.1))
        let map = set.scope.parameter(
            "map", shape: [training.width, network.width],
            initializer: .normal(deviation: 1 / Float(network.width).squareRoot()))
        set.initialize(using: &stream)
        set.unfreeze()
        let optimizer = try Adam(set.all, learningRate: training.learningRate, weightDecay: training.weightDecay)
        let schedule = LearningRateSchedule.cosine(total: training.steps)
        for step in 0..<training.steps {
            let (bags, answers) = captions.sample(using: &stream)
            let noisy = standardized + stream.normal(standardized.shape) * training.featureNoise
            let pictures = Variable(noisy).linear(weight: map.variable, bias: nil).normalizedRows()
            let texts = Variable(bags).matmul(words.variable).normalizedRows()
            let logits = texts.matmul(pictures, transposingOther: true) * training.scale
            let loss =
                logits.crossEntropy(answers) + logits.transposed([1, 0]).crossEntropy(answers.transposed([1, 0]))
            guard loss.value.item.isFinite else {
                throw EvaluationError.unsuitableFeatures(
                    metric: "SmallPictureAlignment", expected: "a finite loss",
                    found: "\(loss.value.item) at step \(step)")
            }
            progress(step, Double(loss.value.item))
            loss.backward()
            optimizer.learningRate = training.learningRate * schedule.factor(at: step)
            try ClippedStep(of: optimizer).apply()
        }
        // The standardisation is folded into the map.
        let weight = map.value / deviation.reshaped(to: [1, network.width])
        let bias = -(weight * mean.reshaped(to: [1, network.width])).sum(alongAxes: [1])
        self.init(
            network: network, bag: captions.bag, wordVectors: words.value, pictureWeight: weight, pictureBias: bias)
    }
}

extension Tensor {
    /// Each column minus its mean and divided by its standard deviation, with both.
    fileprivate func standardized() -> (Tensor, mean: Tensor, deviation: Tensor) {
        let mean = mean(alongAxes: [0], keepingDimensions: true)
        let centred = self - mean
        // Some features hardly vary; they must not be amplified.
        let deviation = centred.squared().mean(alongAxes: [0], keepingDimensions: true).squareRoot() + 1e-3
        return (centred / deviation, mean, deviation)
    }
}

extension Variable {
    fileprivate func normalizedRows() -> Variable {
        self / (squared().sum(alongAxes: [1], keepingDimensions: true) + 1e-12).squareRoot()
    }

    /// The mean over rows of −Σ share · log softmax, where a row's shares are its answers divided by their sum. The logits are too
    /// small to overflow.
    fileprivate func crossEntropy(_ answers: Tensor) -> Variable {
        let shares = answers / answers.sum(alongAxes: [1], keepingDimensions: true)
        let total = exp().sum(alongAxes: [1]).log().mean()
        return total - (Variable(shares) * self).sum() * (1 / Float(answers.shape[0]))
    }
}
