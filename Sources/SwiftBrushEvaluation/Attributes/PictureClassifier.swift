import Autograd
import DiffusionModels
import Foundation
import Tensor

/// A small convolutional network that recognises the attributes of small pictures, such as letter, ink and style.
///
/// Its features, the input of the last layers, have 64 numbers, so that Fréchet distances of a few hundred pictures are meaningful. It must be
/// trained on real pictures only, never on images that it evaluates. Distances in its features are not FID.
public struct PictureClassifier: FeatureNetwork {
    /// The values that each kind of attribute can have, such as "ink": ["black", "red"].
    public let values: [String: [String]]
    /// The name in reports.
    public let name = "classifier of attributes"
    /// The length of a feature vector.
    public let width = 64
    /// The resizing and normalisation of the network's input: to 32 × 32, colours in −1…1.
    public let preparation = PicturePreparation(
        size: 32, resampling: Resampling(.bilinear), means: [127.5, 127.5, 127.5], deviations: [127.5, 127.5, 127.5])

    let parameters: ParameterSet
    private let convolutions: [(layer: Conv2d, norm: GroupNorm)]
    private let hidden: Linear
    private let heads: [String: Linear]

    /// The kinds of attributes, sorted.
    public var kinds: [String] { values.keys.sorted() }

    init(values: [String: [String]], in parameters: ParameterSet) {
        let scope = parameters.scope
        let channels = [3, 24, 48, 64, 64]
        convolutions = (0..<4).map { index in
            (
                Conv2d(
                    inputs: channels[index], outputs: channels[index + 1], kernelSize: 3, stride: index == 0 ? 1 : 2,
                    padding: ConvolutionPadding(1), in: scope["convolutions"][index]),
                GroupNorm(channels: channels[index + 1], groups: 8, epsilon: 1e-5, in: scope["norms"][index])
            )
        }
        hidden = Linear(inputs: 4 * 4 * 64, outputs: width, in: scope["hidden"])
        heads = Dictionary(
            uniqueKeysWithValues: values.keys.sorted().map { kind in
                (kind, Linear(inputs: 64, outputs: values[kind]?.count ?? 0, in: scope["heads"][kind]))
            })
        (self.values, self.parameters) = (values, parameters)
    }

    /// Prepared pictures, `[batch, 32, 32, 3]` → `[batch, 64]`.
    public func callAsFunction(_ pictures: Tensor) -> Tensor { features(Variable(pictures)).value }

    func features(_ pictures: Variable) -> Variable {
        let map = convolutions.reduce(pictures) { x, block in block.norm(block.layer(x)).relu() }
        return hidden(map.reshaped(to: [pictures.shape[0], 4 * 4 * 64])).relu()
    }

    /// Features → the logits of a kind's values, `[batch, values]`.
    func logits(_ kind: String, of features: Variable) -> Variable {
        guard let head = heads[kind] else { fatalError("PictureClassifier: expected one of \(kinds), found \(kind)") }
        return head(features)
    }

    /// The most likely value of each kind of attribute, for each feature vector.
    public func attributes(of features: Features) throws -> [[String: String]] {
        guard features.width == width else {
            throw EvaluationError.unsuitableFeatures(
                metric: name, expected: "features of width \(width)", found: "\(features.width)")
        }
        let all = Variable(features.tensor(0..<features.count))
        var found = [[String: String]](repeating: [:], count: features.count)
        for (kind, names) in values {
            logits(kind, of: all).value.withUnsafeScalars { scores in
                for index in found.indices {
                    let row = scores[index * names.count..<(index + 1) * names.count]
                    let best = row.indices.max { row[$0] < row[$1] } ?? row.startIndex
                    found[index][kind] = names[best - row.startIndex]
                }
            }
        }
        return found
    }
}

extension PictureClassifier {
    private static let valuesKey = "values"

    /// Reads a file that ``save(to:)`` wrote.
    ///
    /// Throws `SafetensorsError` and `ParameterLoadingError` for a file without its weights, and ``EvaluationError`` for one without the attributes.
    public init(contentsOf url: URL) throws {
        let file = try SafetensorsFile(contentsOf: url)
        guard let list = file.metadata[Self.valuesKey],
            let values = try? JSONDecoder().decode([String: [String]].self, from: Data(list.utf8)),
            !values.isEmpty, values.values.allSatisfy({ $0.count > 1 })
        else {
            throw EvaluationError.unsuitableContents(
                path: url.path, expected: "the values of a classifier's attributes", found: "no such list")
        }
        self.init(values: values, in: ParameterSet())
        try parameters.load(from: WeightFiles([file], path: url.path) { [$0] })
    }

    /// Writes the attributes and weights. Throws what `Safetensors.write` throws.
    public func save(to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let list = String(decoding: try encoder.encode(values), as: UTF8.self)
        try Safetensors.write(
            parameters.all.map { ($0.path, $0.value) }, scalarType: .float32, metadata: [Self.valuesKey: list], to: url)
    }
}
