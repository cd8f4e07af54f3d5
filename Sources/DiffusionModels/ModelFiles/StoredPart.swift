import Autograd
import Foundation

/// A network as a folder in diffusers' layout stores it: its class in `model_index.json`, its `config.json` and its weights.
public struct StoredPart: Sendable {
    /// The Python library of the class, such as `diffusers`.
    public let library: String
    /// The class, such as `UNet2DConditionModel`.
    public let className: String
    /// The weights, under the checkpoint's names.
    public let parameters: ParameterSet
    package let configuration: JSONValue

    /// A network of a class with these settings and weights.
    ///
    /// - Parameters:
    ///   - library: the Python library of the class.
    ///   - className: the class.
    ///   - configuration: the fields of `config.json`.
    ///   - parameters: the weights.
    ///
    /// Throws `EncodingError` for a configuration that JSON cannot represent.
    public init(
        library: String, className: String, configuration: some Encodable, parameters: ParameterSet
    ) throws {
        let data = try JSONEncoder().encode(configuration)
        self.init(
            library: library, className: className, configuration: try JSONDecoder().decode(JSONValue.self, from: data),
            parameters: parameters)
    }

    package init(library: String, className: String, configuration: JSONValue, parameters: ParameterSet) {
        (self.library, self.className) = (library, className)
        (self.configuration, self.parameters) = (configuration, parameters)
    }
}

/// A text encoder as a folder in diffusers' layout stores it.
public struct StoredTextEncoder: Sendable {
    /// The network.
    public let part: StoredPart
    /// The Python library of the tokenizer's class.
    public let tokenizerLibrary: String
    /// The tokenizer's class.
    public let tokenizerClass: String
    /// The folder whose files are copied as the model's tokenizer.
    public let tokenizerFolder: URL
    /// The padding token that the tokenizer's files are written with; nil for their own.
    var paddingToken: String?
    /// The second text encoder, if there are two.
    var second: [StoredTextEncoder] = []
    /// Whether the embeddings of an empty prompt are zeros.
    var zeroesEmptyPrompt = false

    /// A network and its tokenizer.
    public init(part: StoredPart, tokenizerLibrary: String, tokenizerClass: String, tokenizerFolder: URL) {
        (self.part, self.tokenizerLibrary) = (part, tokenizerLibrary)
        (self.tokenizerClass, self.tokenizerFolder) = (tokenizerClass, tokenizerFolder)
    }
}
