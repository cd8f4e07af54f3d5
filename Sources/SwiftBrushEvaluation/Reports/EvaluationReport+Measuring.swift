/// A metric that is computed from a network's features.
public enum FeatureMetric: String, Sendable, CaseIterable {
    /// ``frechetDistance(_:_:)``.
    case frechet
    /// ``frechetDistance(_:_:)`` between the reference pictures of even and of odd index: the minimum to expect of such a distance, for
    /// half as many pictures.
    case frechetFloor = "frechet-floor"
    /// ``KernelDistance``.
    case kernel
    /// ``PrecisionAndRecall``.
    case precisionRecall = "precision-recall"
    /// ``meanPairwiseDistance(_:)`` of the pictures, and of the reference.
    case diversity

    /// Whether the metric needs reference pictures, and not just their statistics.
    public var needsReferencePictures: Bool { ![.frechet, .diversity].contains(self) }
}

/// The reference features with which pictures are compared.
public enum ReferenceFeatures: Sendable {
    /// The features of reference pictures.
    case features(Features)
    /// Saved statistics, which are sufficient only for the Fréchet distance.
    case statistics(FeatureStatistics)

    fileprivate func features(for metric: FeatureMetric) throws -> Features {
        guard case .features(let features) = self else {
            throw EvaluationError.unsuitableFeatures(
                metric: metric.rawValue, expected: "a folder of reference pictures", found: "statistics")
        }
        return features
    }
}

extension EvaluationReport {
    private static let floor = "Fréchet distance of the reference's halves"
    private static let referenceDiversity = "diversity of the reference"
    /// The metrics of the reference alone.
    static let referenceMetrics = [floor, referenceDiversity]

    /// Computes metrics of the pictures' features and adds them to the report.
    ///
    /// - Parameters:
    ///   - metrics: the metrics.
    ///   - features: the pictures' features.
    ///   - reference: the reference; nil is sufficient only for diversity.
    ///   - network: the network that computed the features.
    ///
    /// Throws ``EvaluationError`` for metrics and references that do not fit.
    public mutating func measure(
        _ metrics: [FeatureMetric], of features: Features, against reference: ReferenceFeatures?,
        network: any FeatureNetwork
    ) throws {
        for metric in metrics {
            guard let reference else {
                guard metric == .diversity else {
                    throw EvaluationError.invalidSetting(
                        name: metric.rawValue, expected: "a reference to compare with", found: "none")
                }
                add("diversity", try meanPairwiseDistance(features), features, network, sufficient: 100)
                continue
            }
            try measure(metric, features, reference, network)
        }
    }

    private mutating func measure(
        _ metric: FeatureMetric, _ features: Features, _ reference: ReferenceFeatures, _ network: any FeatureNetwork
    ) throws {
        switch metric {
        case .frechet:
            let statistics: FeatureStatistics
            switch reference {
            case .features(let real): statistics = try real.statistics()
            case .statistics(let saved):
                statistics = saved
                warn(
                    "the reference is a file of statistics, not checked to be from \(network.name), \(network.preparation)"
                )
            }
            let distance = try frechetDistance(features.statistics(), statistics)
            // With fewer pictures than features the covariance is singular.
            add(
                "Fréchet distance", distance, features, network,
                reference: statistics.hasKnownCount ? statistics.count : nil, sufficient: network.width)
        case .frechetFloor:
            let real = try reference.features(for: metric)
            let halves = try [0, 1].map { try real.subset(Array(stride(from: $0, to: real.count, by: 2))) }
            let distance = try frechetDistance(halves[0].statistics(), halves[1].statistics())
            add(
                Self.floor, distance, halves[0], network, reference: halves[1].count, sufficient: network.width)
        case .kernel:
            let real = try reference.features(for: metric)
            let distance = try KernelDistance(features, real)
            add(
                "kernel distance (\(distance.subsets) × \(distance.subsetSize))", distance.mean, features, network,
                reference: real.count, deviation: distance.deviation, sufficient: 1000)
        case .precisionRecall:
            let real = try reference.features(for: metric)
            let found = try PrecisionAndRecall(generated: features, reference: real)
            for (name, value) in [("precision", found.precision), ("recall", found.recall)] {
                add(
                    "\(name) (k = \(found.neighbours))", value, features, network, reference: real.count,
                    sufficient: 1000)
            }
        case .diversity:
            add("diversity", try meanPairwiseDistance(features), features, network, sufficient: 100)
            if case .features(let real) = reference {
                add(Self.referenceDiversity, try meanPairwiseDistance(real), real, network, sufficient: 100)
            }
        }
    }

    /// Computes how well pictures match their captions and adds the score to the report.
    ///
    /// - Parameters:
    ///   - features: the pictures' features from the alignment's own network.
    ///   - captions: the captions, one per picture.
    ///   - alignment: the model that embeds both.
    ///
    /// Throws ``EvaluationError`` for features that do not fit the captions or the alignment.
    public mutating func align(_ features: Features, captions: [String], by alignment: any TextPictureAlignment) throws
    {
        let score = try AlignmentScore(features, captions: captions, by: alignment)
        let unknown = (alignment as? SmallPictureAlignment)?.unknownWords(in: captions) ?? []
        if !unknown.isEmpty {
            warn(
                "alignment: \(unknown.count) words of the captions are not in the vocabulary of \(alignment.name): "
                    + unknown.prefix(8).joined(separator: ", "))
        }
        let network = alignment.pictureNetwork
        add(
            Measurement(
                metric: "alignment", value: score.mean, network: alignment.name, preparation: "\(network.preparation)",
                count: score.count), sufficientCount: 100)
    }

    private mutating func add(
        _ metric: String, _ value: Double, _ features: Features, _ network: any FeatureNetwork, reference: Int? = nil,
        deviation: Double? = nil, sufficient: Int
    ) {
        add(
            Measurement(
                metric: metric, value: value, deviation: deviation, network: network.name,
                preparation: "\(network.preparation)", count: features.count, referenceCount: reference),
            sufficientCount: sufficient)
    }
}
