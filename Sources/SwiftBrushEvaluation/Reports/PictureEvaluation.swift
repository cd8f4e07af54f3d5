import Foundation

/// Evaluates folders of pictures, all with the same networks and against the same reference.
public struct PictureEvaluation: Sendable {
    /// The reference with which pictures are compared.
    public enum Reference: Sendable {
        /// A folder of pictures.
        case pictures(PictureFolder)
        /// A file of saved statistics (`.npz`), which are sufficient only for the Fréchet distance.
        case statistics(URL)

        fileprivate var url: URL {
            switch self {
            case .pictures(let folder): folder.url
            case .statistics(let file): file
            }
        }
    }

    /// Called with a folder's name and role, the number of its pictures that are done, and their total number.
    public typealias Progress = @Sendable (_ name: String, _ done: Int, _ total: Int) -> Void

    private let network: any FeatureNetwork
    private let alignment: (any TextPictureAlignment)?
    private let croppedSize: Int?
    private let progress: Progress
    private let reference: Reference?
    private let referenceSurvey: PictureSurvey?
    private var referenceFeatures: ReferenceFeatures?

    /// Creates an evaluation and computes the reference's features, or reads them from the cache.
    ///
    /// - Parameters:
    ///   - network: the network whose features are compared.
    ///   - alignment: the model that compares pictures with their captions; nil skips this comparison.
    ///   - reference: the reference.
    ///   - croppedSize: a side in pixels to which the centre square of each picture is resized first.
    ///   - folder: the folder in which the reference's features are cached, as `reference-features`; nil keeps them in memory.
    ///   - progress: called after every part of a set.
    ///
    /// Throws ``EvaluationError`` for statistics and `PictureError` for pictures that cannot be read, and what the file system throws.
    public init(
        by network: any FeatureNetwork, alignment: (any TextPictureAlignment)? = nil,
        against reference: Reference? = nil,
        croppedTo croppedSize: Int? = nil, keptIn folder: URL? = nil, progress: @escaping Progress = { _, _, _ in }
    ) throws {
        (self.network, self.alignment, self.croppedSize) = (network, alignment, croppedSize)
        (self.reference, self.progress) = (reference, progress)
        if case .pictures(let pictures) = reference {
            referenceSurvey = PictureSurvey(of: pictures)
        } else {
            referenceSurvey = nil
        }
        switch reference {
        case nil: break
        case .statistics(let file): referenceFeatures = .statistics(try FeatureStatistics(contentsOf: file))
        case .pictures(let pictures): referenceFeatures = .features(try extract(pictures, network, "reference", folder))
        }
    }

    /// Computes the features of a folder's pictures for comparison with the reference.
    ///
    /// - Parameters:
    ///   - pictures: the folder.
    ///   - folder: the folder in which features are cached, as `pictures-features`; nil keeps them in memory.
    ///
    /// Throws `PictureError` for a picture that cannot be read, and what the file system throws.
    public func features(of pictures: PictureFolder, keptIn folder: URL? = nil) throws -> Features {
        try extract(pictures, network, "pictures", folder)
    }

    /// Evaluates a folder's pictures. They are compared with their captions only if each picture has one.
    ///
    /// - Parameters:
    ///   - pictures: the folder.
    ///   - features: the folder's ``features(of:keptIn:)``.
    ///   - metrics: the metrics; empty means all that the reference allows.
    ///   - folder: the folder in which features for the alignment alone are cached; nil keeps them in memory.
    ///
    /// Throws ``EvaluationError`` for metrics that the reference does not allow, and as ``features(of:keptIn:)``.
    public func report(
        of pictures: PictureFolder, _ features: Features, metrics: [FeatureMetric] = [], keptIn folder: URL? = nil
    ) throws -> EvaluationReport {
        var report = EvaluationReport(of: pictures.url, against: reference?.url, croppedTo: croppedSize)
        warnings(of: pictures).forEach { report.warn($0) }
        try report.measure(
            metrics.isEmpty ? possibleMetrics : metrics, of: features, against: referenceFeatures, network: network)
        if let alignment, pictures.isCaptioned {
            let isSeen = alignment.pictureNetwork.name == network.name
            let seen = isSeen ? features : try extract(pictures, alignment.pictureNetwork, "pictures-alignment", folder)
            try report.align(seen, captions: pictures.captions(), by: alignment)
        }
        return report
    }

    /// Evaluates pictures with coarse captions such as "an animal": for each group of the reference, the pictures whose caption is the
    /// group's name are compared with the reference pictures of the group.
    ///
    /// - Parameters:
    ///   - pictures: the folder.
    ///   - features: the folder's ``features(of:keptIn:)``.
    ///   - metrics: the metrics.
    ///
    /// Throws ``EvaluationError`` for a reference without groups, pictures of none of them, and groups of one picture.
    public func reportsByGroup(
        of pictures: PictureFolder, _ features: Features, metrics: [FeatureMetric] = [.precisionRecall, .diversity]
    ) throws -> [EvaluationReport] {
        guard case .pictures(let real) = reference, case .features(let realFeatures) = referenceFeatures else {
            throw EvaluationError.invalidSetting(
                name: "groups", expected: "a reference of pictures with groups", found: reference?.url.path ?? "none")
        }
        let groups = Set(real.entries.compactMap(\.group)).intersection(pictures.entries.compactMap(\.text)).sorted()
        guard !groups.isEmpty else {
            let texts = Set(pictures.entries.compactMap(\.text)).sorted().prefix(4).joined(separator: ", ")
            throw EvaluationError.unsuitableContents(
                path: pictures.url.path, expected: "captions that are groups of \(real.url.path)", found: texts)
        }
        let warnings = warnings(of: pictures)
        return try groups.map { group in
            let own = try features.subset(pictures.entries.indices.filter { pictures.entries[$0].text == group })
            let others = try realFeatures.subset(real.entries.indices.filter { real.entries[$0].group == group })
            var report = EvaluationReport(of: pictures.url, against: real.url, croppedTo: croppedSize, group: group)
            warnings.forEach { report.warn($0) }
            let isEnough = min(own.count, others.count) > PrecisionAndRecall.usualNeighbours
            if !isEnough { report.warn("\(group): too few pictures for precision and recall") }
            try report.measure(
                metrics.filter { $0 != .precisionRecall || isEnough }, of: own, against: .features(others),
                network: network)
            return report
        }
    }

    /// Warnings that affect the comparison of a folder's metrics: skipped formats, and formats and sizes that differ from the
    /// reference's.
    public func warnings(of pictures: PictureFolder) -> [String] {
        var warnings = pictures.warnings
        if case .pictures(let folder) = reference { warnings += folder.warnings }
        guard let referenceSurvey else { return warnings }
        // After cropping all pictures have the same size.
        return warnings
            + PictureSurvey(of: pictures).warnings(against: referenceSurvey, comparesSizes: croppedSize == nil)
    }

    private var possibleMetrics: [FeatureMetric] {
        switch referenceFeatures {
        case nil: [.diversity]
        case .statistics: [.frechet, .diversity]
        case .features: FeatureMetric.allCases
        }
    }

    private func extract(
        _ pictures: PictureFolder, _ network: any FeatureNetwork, _ name: String, _ folder: URL?
    ) throws -> Features {
        var extraction = try FeatureExtraction(
            of: pictures, by: network, croppedTo: croppedSize,
            keptIn: folder?.appending(path: "\(name)-features"))
        let label = "\(pictures.url.lastPathComponent), \(name)"
        while let done = try extraction.next() { progress(label, done, pictures.entries.count) }
        return try extraction.features()
    }
}
