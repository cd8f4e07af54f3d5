import Autograd
import DiffusionModels
import Tensor

/// CLIP's image encoder (arXiv 2103.00020): a vision transformer and a projection into the joint space of images and texts.
final class CLIPVisionModel: FeatureNetwork {
    let name: String
    let width: Int
    let preparation: PicturePreparation
    private let patches: Conv2d
    private let classEmbedding: Parameter
    private let positions: Parameter
    private let startNorm: LayerNorm
    private let layers: [CLIPEncoderLayer]
    private let endNorm: LayerNorm
    private let projection: CLIPProjection

    /// Declares the encoder's parameters in `scope`, under transformers' keys.
    init(_ configuration: CLIPConfiguration, name: String, in scope: ParameterScope) {
        self.name = name
        width = configuration.projectionWidth
        let vision = configuration.vision
        preparation = PicturePreparation(
            size: vision.pictureSize, resampling: Resampling(.bicubic, isRounded: true), framing: .cropped,
            means: configuration.means.map { $0 * 255 }, deviations: configuration.deviations.map { $0 * 255 })
        let (model, epsilon) = (scope["vision_model"], Float(vision.normalizationEpsilon))
        let embeddings = model["embeddings"]
        patches = Conv2d(
            inputs: 3, outputs: vision.width, kernelSize: vision.patchSize, stride: vision.patchSize, padding: .init(0),
            hasBias: false, in: embeddings["patch_embedding"])
        let side = vision.pictureSize / vision.patchSize
        classEmbedding = embeddings.parameter(
            "class_embedding", shape: [vision.width], initializer: .normal(deviation: 0.02))
        positions = embeddings["position_embedding"].parameter(
            "weight", shape: [side * side + 1, vision.width], initializer: .normal(deviation: 0.02))
        startNorm = LayerNorm(width: vision.width, epsilon: epsilon, in: model["pre_layrnorm"])
        layers = (0..<vision.layers).map {
            CLIPEncoderLayer(
                width: vision.width, feedForwardWidth: vision.feedForwardWidth, heads: vision.heads,
                activation: vision.activation, epsilon: epsilon, isCausal: false, in: model["encoder"]["layers"][$0])
        }
        endNorm = LayerNorm(width: vision.width, epsilon: epsilon, in: model["post_layernorm"])
        projection = CLIPProjection(
            "visual_projection", inputs: vision.width, outputs: width, configuration.layout, in: scope)
    }

    func callAsFunction(_ pictures: Tensor) -> Tensor {
        let (batch, width) = (pictures.shape[0], classEmbedding.shape[0])
        let cells = patches(Variable(pictures)).reshaped(to: [batch, -1, width])
        let start = classEmbedding.variable.reshaped(to: [1, 1, width]).broadcast(to: [batch, 1, width])
        let sequence = Variable.concatenate([start, cells], axis: 1)
        let embedded = sequence + positions.variable.reshaped(to: [1, positions.shape[0], width])
        let hidden = layers.reduce(startNorm(embedded)) { $1($0) }
        let first = hidden.sliced(axis: 1, 0..<1).reshaped(to: [batch, width])
        return projection(endNorm(first)).value
    }
}

/// The projection of an encoder: a linear layer in transformers, its transpose in OpenCLIP.
struct CLIPProjection {
    private let weight: Parameter
    private let isTransposed: Bool

    init(_ name: String, inputs: Int, outputs: Int, _ layout: CLIPConfiguration.Layout, in scope: ParameterScope) {
        isTransposed = layout == .openCLIP
        let start = Initializer.kaimingUniform(fanIn: inputs)
        weight =
            isTransposed
            ? scope.parameter(name, shape: [inputs, outputs], initializer: start)
            : scope[name].parameter("weight", shape: [outputs, inputs], initializer: start)
    }

    /// `[rows, inputs]` → `[rows, outputs]`.
    func callAsFunction(_ x: Variable) -> Variable {
        isTransposed ? x.matmul(weight.variable) : x.linear(weight: weight.variable, bias: nil)
    }
}
