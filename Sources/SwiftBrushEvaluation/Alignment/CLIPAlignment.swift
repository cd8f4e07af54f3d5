import Autograd
import DiffusionModels
import Foundation
import Tensor

/// The CLIP score: how well images match their captions according to a CLIP model with a vision transformer (arXiv 2103.00020,
/// 2104.08718).
///
/// Scores of different models, or with and without a prefix, cannot be compared; ``name`` contains both.
public final class CLIPAlignment: TextPictureAlignment {
    /// The name of the model's folder and the prefix.
    public let name: String
    /// The image encoder.
    public let pictureNetwork: any FeatureNetwork
    private let tokenizer: CLIPTokenizer
    private let textModel: CLIPTextModel
    private let textProjection: CLIPProjection
    private let prefix: String

    /// Reads a model in transformers' layout (`config.json`, `model.safetensors`) or OpenCLIP's (`open_clip_config.json`,
    /// `open_clip_model.safetensors`), and its tokenizer.
    ///
    /// - Parameters:
    ///   - folder: the model's folder.
    ///   - tokenizer: the tokenizer's folder, if it is not `folder`.
    ///   - prefix: a text put directly before each caption, such as "A photo depicts ".
    ///
    /// Throws ``EvaluationError``, `ModelError` and `SafetensorsError` for a folder that does not contain such a model.
    public init(contentsOf folder: URL, tokenizer: URL? = nil, prefix: String = "") throws {
        let configuration = try CLIPConfiguration(contentsOf: folder)
        self.prefix = prefix
        name = "CLIP \(folder.lastPathComponent), " + (prefix.isEmpty ? "no prefix" : "prefix \"\(prefix)\"")
        self.tokenizer = try CLIPTokenizer(contentsOf: tokenizer ?? folder)
        guard self.tokenizer.vocabularySize <= configuration.text.vocabularySize,
            self.tokenizer.maximumLength <= configuration.text.maximumPositions
        else {
            throw EvaluationError.unsuitableContents(
                path: (tokenizer ?? folder).path,
                expected: "a tokenizer of at most \(configuration.text.vocabularySize) tokens, "
                    + "\(configuration.text.maximumPositions) per caption",
                found: "\(self.tokenizer.vocabularySize), \(self.tokenizer.maximumLength) per caption")
        }
        let parameters = ParameterSet()
        let weights = try Self.weights(in: folder, configuration.layout)
        try weights.check(layers: configuration.layerCount)
        pictureNetwork = CLIPVisionModel(
            configuration, name: "CLIP \(folder.lastPathComponent)", in: parameters.scope)
        textModel = CLIPTextModel(configuration.text, in: parameters.scope)
        textProjection = CLIPProjection(
            "text_projection", inputs: configuration.text.width, outputs: configuration.projectionWidth,
            configuration.layout, in: parameters.scope)
        try parameters.load(from: weights)
    }

    /// Returns the features, which the image encoder has already projected.
    public func pictureEmbeddings(_ features: Tensor) -> Tensor { features }

    /// Captions, each after the prefix → `[captions, width]`: the projected hidden states at the end token.
    public func textEmbeddings(_ captions: [String]) -> Tensor {
        let tokens = captions.map { tokenizer.encode(prefix + $0) }
        let hidden = textModel(tokens)
        let (length, width) = (hidden.shape[1], hidden.shape[2])
        let ends = tokens.enumerated().map { row, ids in
            row * length + (ids.firstIndex(of: tokenizer.endToken) ?? length - 1)
        }
        return textProjection(hidden.reshaped(to: [-1, width]).gathered(rows: ends)).value
    }

    private static func weights(in folder: URL, _ layout: CLIPConfiguration.Layout) throws -> WeightFiles {
        if layout == .transformers {
            return try WeightFiles(in: folder, stem: "model") { key in
                // Old files contain position ids.
                key == "logit_scale" || key.hasSuffix("position_ids") ? [] : [key]
            }
        }
        let hub = folder.appending(path: "open_clip_pytorch_model.safetensors")
        let stem = FileManager.default.fileExists(atPath: hub.path) ? "open_clip_pytorch_model" : "open_clip_model"
        return try WeightFiles(in: folder, stem: stem, naming: OpenCLIPNames.names)
    }
}
