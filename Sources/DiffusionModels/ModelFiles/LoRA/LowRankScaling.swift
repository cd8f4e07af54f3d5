import Foundation
import Tensor

/// The ranks and scales of one network's layers in a PEFT configuration: `r`, `lora_alpha` (LoHa and LoKr: `alpha`), `rank_pattern`,
/// `alpha_pattern`, `use_rslora`.
///
/// The scale is alpha / rank, or alpha / √rank with rank-stabilised LoRA (arXiv 2312.03732).
struct LowRankScaling {
    /// A rank or alpha for the layers whose paths match a pattern.
    private struct Exception {
        let name: String
        let pattern: PathPattern
        let number: Double

        func fits(_ path: String) -> Bool { name == path || pattern.matches(path) }
    }

    private let fields: ConfigurationFields
    /// The prefix of the fields' names.
    private let prefix: String
    private let rank: Int
    private let alpha: Double
    private let ranks: [Exception]
    private let alphas: [Exception]
    private let isStabilized: Bool
    private let usesDoRA: Bool
    private let kind: String

    /// The kinds of changes by PEFT's name.
    private static let kinds = ["LORA": "LoRA", "LOHA": "LoHa", "LOKR": "LoKr"]

    /// - Parameters:
    ///   - fields: the configuration.
    ///   - text: the JSON text that they were read from; if several patterns match a layer, the first in the text is used.
    ///   - prefix: the prefix of the fields' names, such as "unet.".
    ///
    /// Throws ``ModelError`` for a field that is malformed or belongs to another kind of adapter.
    init(_ fields: ConfigurationFields, text: String, prefix: String = "") throws {
        (self.fields, self.prefix) = (fields, prefix)
        let type = try fields.string("\(prefix)peft_type", default: "LORA")
        guard let kind = Self.kinds[type] else {
            throw fields.unsupported(
                "\(prefix)peft_type", expected: "LORA, LOHA or LOKR (merge other kinds with peft: merge_and_unload)")
        }
        self.kind = kind
        func flag(_ name: String) throws -> Bool {
            try !fields.isNull(prefix + name) && fields.boolean(prefix + name, default: false)
        }
        usesDoRA = try flag("use_dora")
        if try flag("lora_bias") {
            throw fields.unsupported(
                prefix + "lora_bias", expected: "false, since \(LowRankRelative.bias.rawValue) are not supported")
        }
        let numbers = -1e30...1e30
        rank = try fields.optionalInteger("\(prefix)r", in: 1...Self.largestRank) ?? 8
        let alphaName = type == "LORA" ? "\(prefix)lora_alpha" : "\(prefix)alpha"
        alpha = try fields.isNull(alphaName) ? 8 : fields.number(alphaName, default: 8, in: numbers)
        isStabilized = try flag("use_rslora")
        ranks = try Self.exceptions("\(prefix)rank_pattern", fields, text, in: 1...Double(Self.largestRank))
        alphas = try Self.exceptions("\(prefix)alpha_pattern", fields, text, in: numbers)
    }

    /// The scale of a layer.
    ///
    /// - Parameters:
    ///   - paths: all forms of the layer's path.
    ///   - form: its change.
    ///   - hasMagnitude: whether the file has DoRA's norms for it.
    ///
    /// Throws ``ModelError/invalidField(file:field:expected:found:)`` when the configuration has another rank or kind.
    func scale(of paths: [String], _ form: LowRankForm, hasMagnitude: Bool) throws -> Float {
        func check(_ isRight: Bool, _ field: String, _ expected: String, _ found: String) throws {
            if isRight { return }
            throw ModelError.invalidField(
                file: fields.file, field: prefix + field,
                expected: "\(expected) \"\(paths[0])\" (is the file another adapter's?)", found: found)
        }
        try check(form.name == kind, "peft_type", "the kind \(form.name), as of", kind)
        try check(hasMagnitude == usesDoRA, "use_dora", "\(hasMagnitude), as the file's tensors say of", "\(usesDoRA)")
        func exception(_ list: [Exception]) -> Exception? { list.first { item in paths.contains(where: item.fits) } }
        let other = exception(ranks)
        let expected = other.map { Int($0.number) } ?? rank
        let found = form.rank ?? expected
        try check(
            expected == found, other == nil ? "r" : "rank_pattern", "the rank \(found), as of", "\(expected)")
        let divisor = isStabilized ? Double(found).squareRoot() : Double(found)
        return Float((exception(alphas)?.number ?? alpha) / divisor)
    }

    private static let largestRank = 1_000_000
    private static let mostPatterns = 4096

    private static func exceptions(
        _ field: String, _ fields: ConfigurationFields, _ text: String, in range: ClosedRange<Double>
    ) throws -> [Exception] {
        if fields.isNull(field) { return [] }
        guard case .object(let patterns)? = fields.values[field], patterns.count <= mostPatterns else {
            throw fields.invalid(field, expected: "an object of at most \(mostPatterns) patterns and numbers")
        }
        let start = text.range(of: "\"\(field)\"")?.upperBound ?? text.startIndex
        let found = try patterns.map { name, value in
            guard let number = value.asNumber, range.contains(number) else {
                throw fields.invalid(field, expected: "numbers from \(range.lowerBound) to \(range.upperBound)")
            }
            guard let pattern = try? PathPattern(name) else {
                throw fields.unsupported(
                    field,
                    expected: "patterns of characters, classes, groups, alternatives and repetitions, of at most "
                        + "\(PathPattern.lengthLimit) bytes")
            }
            let place = text.range(of: "\(JSONValue.string(name))", range: start..<text.endIndex)?.lowerBound
            return (place: place ?? text.endIndex, exception: Exception(name: name, pattern: pattern, number: number))
        }
        return found.sorted { ($0.place, $0.exception.name) < ($1.place, $1.exception.name) }.map(\.exception)
    }
}

extension LowRankScaling {
    /// The source of a file's scales.
    enum Source: Sendable {
        /// `adapter_config.json` beside `adapter_model.safetensors`.
        case configuration
        /// `lora_adapter_metadata` in the file's header, as diffusers writes since 0.34.
        case metadata
        /// No source: scales are 1, except for layers with their own alpha.
        case none
    }

    private static let metadataKey = "lora_adapter_metadata"

    /// The scalings of a LoRA file per network, and their source.
    ///
    /// `adapter_config.json` applies only to the file name that PEFT uses, since a folder may hold several files.
    ///
    /// Throws ``ModelError`` for a configuration that is malformed or belongs to another kind of adapter.
    static func read(
        for file: SafetensorsFile, at url: URL
    ) throws -> (scalings: [LowRankWeights.Part: LowRankScaling], source: Source) {
        if let text = file.metadata[metadataKey] {
            let name = "\(file.path) (\(metadataKey))"
            guard let json = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) else {
                throw ModelError.unreadableFile(path: name, reason: "it is not valid JSON")
            }
            let fields = try ConfigurationFields(json, file: name)
            var scalings: [LowRankWeights.Part: LowRankScaling] = [:]
            for part in LowRankWeights.Part.allCases {
                let prefix = "\(part.rawValue)."
                guard fields.values.keys.contains(where: { $0.hasPrefix(prefix) }) else { continue }
                scalings[part] = try LowRankScaling(fields, text: text, prefix: prefix)
            }
            // The adapter of a single network is written without a prefix.
            if scalings.isEmpty, fields.values["r"] != nil || fields.values["lora_alpha"] != nil {
                scalings[.unet] = try LowRankScaling(fields, text: text)
            }
            return (scalings, scalings.isEmpty ? .none : .metadata)
        }
        let configuration = url.deletingLastPathComponent().appending(path: LowRankLayout.configurationName)
        guard url.lastPathComponent == LowRankLayout.peft.fileName,
            FileManager.default.fileExists(atPath: configuration.path)
        else { return ([:], .none) }
        let data = try ModelError.reading(configuration, purpose: "the adapter's configuration")
        let fields = try ConfigurationFields(contentsOf: configuration, purpose: "the adapter's configuration")
        let scaling = try LowRankScaling(fields, text: String(decoding: data, as: UTF8.self))
        return ([.unet: scaling, .textEncoder: scaling], .configuration)
    }
}
