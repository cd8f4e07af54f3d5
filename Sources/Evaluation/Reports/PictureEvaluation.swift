import Foundation

/// Measures folders of pictures, all by the same networks and against the same reference.
public struct PictureEvaluation {
    /// What pictures are compared with.
    public enum Reference {
        /// A folder of pictures.
        case pictures(PictureFolder)
        /// A file of saved statistics (`.npz`), which serve the Fréchet distance alone.
        case statistics(URL)

        fileprivate var url: URL {
            switch self {
            case .pictures(let folder): folder.url
            case .statistics(let file): file
            }
        }
    }

    /// Called with a folder's name and purpose, how many of its pictures are done, and how many there are.
    public typealias Progress = (_ name: String, _ done: Int, _ total: Int) -> Void

    private let network: any FeatureNetwork
    private let alignment: (any TextPictureAlignment)?
    private let croppedSize: Int?
    private let progress: Progress
    private let reference: Reference?
    private let referenceSurvey: PictureSurvey?
    private var referenceFeatures: ReferenceFeatures?

    /// An evaluation; the reference's features are made, or found, first.
    ///
    /// - Parameters:
    ///   - network: whose features are compared.
    ///   - alignment: what compares pictures with their captions; nil for not at all.
    ///   - reference: what pictures are compared with.
    ///   - croppedSize: a side in pixels to which the middle square of each picture is brought first.
    ///   - folder: where the reference's features are kept, in `reference-features`; nil for in memory.
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

    /// The features of a folder's pictures, by which they are compared with the reference.
    ///
    /// - Parameters:
    ///   - pictures: the folder.
    ///   - folder: where features are kept, in `pictures-features`; nil for in memory.
    ///
    /// Throws `PictureError` for a picture that cannot be read, and what the file system throws.
    public func features(of pictures: PictureFolder, keptIn folder: URL? = nil) throws -> Features {
        try extract(pictures, network, "pictures", folder)
    }

    /// What is measured on a folder's pictures; with their captions they are compared only if each has one.
    ///
    /// - Parameters:
    ///   - pictures: the folder.
    ///   - features: its ``features(of:keptIn:)``.
    ///   - metrics: what is measured; none means all that the reference allows.
    ///   - folder: where features are kept that only the alignment needs; nil for in memory.
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

    /// What is measured on pictures of coarse captions such as "an animal": for each group of the reference those with its name as caption,
    /// against the reference's of that group.
    ///
    /// - Parameters:
    ///   - pictures: the folder.
    ///   - features: its ``features(of:keptIn:)``.
    ///   - metrics: what is measured.
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

    /// What is to be known of a folder's pictures before their numbers are compared: formats that are left out, and formats and sizes that
    /// differ from the reference's.
    public func warnings(of pictures: PictureFolder) -> [String] {
        var warnings = pictures.warnings
        if case .pictures(let folder) = reference { warnings += folder.warnings }
        guard let referenceSurvey else { return warnings }
        // Cropping brings both to one size.
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
