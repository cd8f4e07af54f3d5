import Autograd
import DiffusionModels
import Foundation
import Tensor

extension PictureClassifier {
    /// The settings of a classifier's training.
    public struct Training: Sendable {
        /// The number of passes over all pictures.
        public var epochs = 8
        /// Pictures per step.
        public var batchSize = 64
        /// AdamW's maximum learning rate, which falls to 0 along half a cosine.
        public var learningRate = 3e-3
        /// AdamW's weight decay.
        public var weightDecay = 0.05
        /// The standard deviation of the noise that is added to colours in −1…1.
        public var noise: Float = 0.1
        /// The seed of the initial weights, the order of the pictures, and the noise.
        public var seed: UInt64 = 0

        /// Creates the default settings.
        public init() {}
    }

    /// Trains a classifier by the sum of the cross entropies of all kinds of attributes.
    ///
    /// - Parameters:
    ///   - folder: the training pictures, which all have the same kinds of attributes.
    ///   - training: the settings.
    ///   - progress: called with each step's number, the number of steps, and the loss.
    ///
    /// Throws ``EvaluationError`` for pictures without attributes or settings out of range, and `PictureError` for pictures that cannot be read.
    public init(
        training folder: PictureFolder, _ training: Training = Training(),
        progress: (_ step: Int, _ steps: Int, _ loss: Double) -> Void = { _, _, _ in }
    ) throws {
        for (name, isValid, found) in [
            ("epochs", (1...100_000).contains(training.epochs), "\(training.epochs)"),
            ("batchSize", (1...65_536).contains(training.batchSize), "\(training.batchSize)"),
        ] where !isValid {
            throw EvaluationError.invalidSetting(name: "training.\(name)", expected: "a number from 1", found: found)
        }
        let values = try folder.attributeValues()
        let parameters = ParameterSet()
        self.init(values: values, in: parameters)
        var stream = RandomStream(seed: training.seed)
        parameters.initialize(using: &stream)
        parameters.unfreeze()
        let colours = try folder.prepared(preparation)
        let labels = values.mapValues { Dictionary(uniqueKeysWithValues: $0.enumerated().map { ($1, $0) }) }
        let count = folder.entries.count
        let batch = min(training.batchSize, count)
        let steps = training.epochs * (count / batch)
        let optimizer = try Adam(
            parameters.all, learningRate: training.learningRate, weightDecay: training.weightDecay)
        let schedule = LearningRateSchedule.cosine(total: steps)
        var order: [Int] = []
        for step in 0..<steps {
            if order.count < batch { order = stream.permutation(count) }
            let rows = Array(order.prefix(batch))
            order.removeFirst(batch)
            let clean = colours.gathered(rows: rows)
            let found = features(Variable(clean + stream.normal(clean.shape) * training.noise))
            let losses = kinds.map { kind in
                logits(kind, of: found).crossEntropy(
                    with: rows.map { row in
                        folder.entries[row].attributes[kind].flatMap { labels[kind]?[$0] } ?? 0
                    })
            }
            let loss = losses.dropFirst().reduce(losses[0], +)
            guard loss.value.item.isFinite else {
                throw EvaluationError.unsuitableFeatures(
                    metric: name, expected: "a finite loss", found: "\(loss.value.item) at step \(step + 1)")
            }
            progress(step + 1, steps, Double(loss.value.item))
            loss.backward()
            optimizer.learningRate = training.learningRate * schedule.factor(at: step)
            try ClippedStep(of: optimizer).apply()
        }
        parameters.makeReadOnly()
    }

    /// The share of pictures whose attribute is recognised, for each kind. Throws as ``init(training:_:progress:)``.
    public func accuracy(on folder: PictureFolder) throws -> [String: Double] {
        var extraction = try FeatureExtraction(of: folder, by: self)
        while try extraction.next() != nil {}
        let found = try attributes(of: extraction.features())
        return Dictionary(
            uniqueKeysWithValues: kinds.map { kind in
                let right = zip(found, folder.entries).count { $0[kind] == $1.attributes[kind] }
                return (kind, Double(right) / Double(folder.entries.count))
            })
    }
}

extension PictureFolder {
    /// The sorted values of each kind of attribute. Throws ``EvaluationError`` unless all pictures have the same kinds, each with at least
    /// two values.
    func attributeValues() throws -> [String: [String]] {
        let kinds = Set(entries.first?.attributes.keys.map { $0 } ?? [])
        var values: [String: Set<String>] = [:]
        for entry in entries {
            guard !kinds.isEmpty, Set(entry.attributes.keys) == kinds else {
                throw EvaluationError.unsuitableContents(
                    path: url.path, expected: "the same kinds of attributes for all pictures, in metadata.jsonl",
                    found: "\(entry.attributes.keys.sorted()) for \(entry.fileName)")
            }
            for (kind, value) in entry.attributes { values[kind, default: []].insert(value) }
        }
        if let (kind, found) = values.first(where: { $0.value.count < 2 }) {
            throw EvaluationError.unsuitableContents(
                path: url.path, expected: "at least two values of \(kind)",
                found: found.sorted().joined(separator: ", "))
        }
        return values.mapValues { $0.sorted() }
    }

    /// All pictures, prepared, `[pictures, size, size, 3]`.
    func prepared(_ preparation: PicturePreparation) throws -> Tensor {
        .concatenate(
            try entries.map { entry in
                try preparation(Picture(contentsOf: file(entry))).reshaped(
                    to: [1, preparation.size, preparation.size, 3])
            }, axis: 0)
    }
}
