import ArgumentParser
import Evaluation
import Foundation

struct EvaluatePictures: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pictures", abstract: "Compares a folder of pictures with another and with their captions.",
        discussion: """
            Pictures are PNG or JPEG files, all in the folder or those of its metadata.jsonl, a line a picture: {"file_name": "a.png", \
            "text": "its caption"}. Without --inception the features are EfficientNet-Lite0's, whose distances are no FID.

            The COCO-2014 30K protocol, on 30,000 pictures with their captions against all of val-2014:
              evaluate GENERATED --reference val2014 --crop 256 --inception pt_inception.safetensors --resizing clean \
            --clip CLIP-ViT-g-14-laion2B-s12B-b42K --text-prefix "A photo depicts " --output runs/coco
            """)

    @Argument(help: "The folder of the pictures that are judged.")
    var pictures: String

    @Option(help: "A folder of pictures to compare with, or saved statistics (.npz).")
    var reference: String?

    @Option(
        parsing: .upToNextOption,
        help: "frechet, frechet-floor, kernel, precision-recall, diversity; all that are possible by default.")
    var metrics: [FeatureMetric] = []

    @Option(help: "A text file with a caption a line for the pictures in the order of their names.")
    var captions: String?

    @Option(help: "Judge only the pictures of this split in metadata.jsonl, such as held-out.")
    var split: String?

    @Option(help: "Compare only with the reference pictures of this split.")
    var referenceSplit: String?

    @Option(help: "Judge no more than so many pictures.")
    var count = Int.max

    @Option(help: "Bring every picture's middle square to this side first, by Lanczos in 8 bits.")
    var crop: Int?

    @Flag(help: "Do not compare pictures with their captions.")
    var skipAlignment = false

    @OptionGroup var networks: NetworkOptions

    @Option(help: "A folder for the report and for features, which another call takes over: stop it whenever you like.")
    var output: String?

    @Option(help: "Write the pictures' statistics to this .npz, for later calls or pytorch-fid.")
    var saveStatistics: String?

    func validate() throws {
        if reference == nil, metrics.contains(where: { $0 != .diversity }) {
            throw ValidationError("These metrics compare with a --reference.")
        }
        guard count > 0, crop ?? 1 > 0 else { throw ValidationError("--count and --crop are positive.") }
    }

    func run() throws {
        let network = try networks.featureNetwork()
        var folder = try PictureFolder(contentsOf: URL(filePath: pictures))
        if let captions { folder = try folder.captioned(by: URL(filePath: captions)) }
        if let split { folder = try folder.split(split) }
        folder = folder.prefix(count)
        var report = EvaluationReport(
            of: folder.url, against: reference.map { URL(filePath: $0) }, croppedTo: crop)

        // All that can be wrong is looked at before hours are spent.
        let isAligned = !skipAlignment && folder.entries.allSatisfy { $0.text != nil }
        let alignment = try isAligned ? networks.textPictureAlignment() : nil
        let reference = try referenceFeatures(network)
        let features = try extract(folder, network, "pictures")
        if let saveStatistics { try features.statistics().save(to: URL(filePath: saveStatistics)) }
        try report.measure(
            metrics.isEmpty ? possible(reference) : metrics, of: features, against: reference, network: network)
        if let alignment {
            let isSeen = alignment.pictureNetwork.name == network.name
            let seen = isSeen ? features : try extract(folder, alignment.pictureNetwork, "pictures-alignment")
            try report.align(seen, captions: folder.captions(), by: alignment)
        }
        print(report)
        if let output { try report.save(to: URL(filePath: output).appending(path: "report.json")) }
    }

    private func possible(_ reference: ReferenceFeatures?) -> [FeatureMetric] {
        switch reference {
        case nil: [.diversity]
        case .statistics: [.frechet, .diversity]
        case .features: FeatureMetric.allCases
        }
    }

    private func referenceFeatures(_ network: any FeatureNetwork) throws -> ReferenceFeatures? {
        guard let reference else { return nil }
        let url = URL(filePath: reference)
        if url.pathExtension == "npz" { return .statistics(try FeatureStatistics(contentsOf: url)) }
        var folder = try PictureFolder(contentsOf: url)
        if let referenceSplit { folder = try folder.split(referenceSplit) }
        return .features(try extract(folder, network, "reference"))
    }

    private func extract(_ folder: PictureFolder, _ network: any FeatureNetwork, _ name: String) throws -> Features {
        var extraction = try FeatureExtraction(
            of: folder, by: network, croppedTo: crop,
            keptIn: output.map { URL(filePath: $0).appending(path: "\(name)-features") })
        while let done = try extraction.next() {
            FileHandle.standardError.write(Data("\(name): \(done) of \(folder.entries.count)\n".utf8))
        }
        return try extraction.features()
    }
}
