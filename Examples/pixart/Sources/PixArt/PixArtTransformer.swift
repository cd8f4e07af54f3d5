import Autograd
import DiffusionModels
import Tensor

/// The denoising network of PixArt-α (arXiv 2310.00426): a transformer over patches of the latents, modulated by the timestep and with attention
/// to embeddings of the text. Weights have the names of diffusers' `PixArtTransformer2DModel`.
///
/// The published models read embeddings of T5-XXL, 4,096 wide, of 120 tokens. Rows of zeros are padding, to which no patch attends.
public struct PixArtTransformer: DenoisingNetwork {
    /// The fields of its `config.json`.
    public let configuration: PixArtConfiguration
    /// The weights.
    public let parameters: ParameterSet

    private let patches: Conv2d
    private let timestep: TimestepModulation
    private let caption: TextProjection?
    private let blocks: [PixArtBlock]
    private let outputTable: Parameter
    private let output: Linear

    /// Declares the network's parameters in `scope`, or finds them there.
    public init(_ configuration: PixArtConfiguration, in scope: ParameterScope) {
        let (width, patch) = (configuration.width, configuration.patchSize)
        (self.configuration, parameters) = (configuration, scope.parameters)
        patches = Conv2d(
            inputs: configuration.inChannels, outputs: width, kernelSize: patch, stride: patch, padding: .init(0),
            in: scope["pos_embed"]["proj"])
        timestep = TimestepModulation(configuration, in: scope["adaln_single"])
        caption = configuration.captionChannels.map {
            TextProjection(inputs: $0, width: width, in: scope["caption_projection"])
        }
        blocks = (0..<configuration.numLayers).map { PixArtBlock(configuration, in: scope["transformer_blocks"][$0]) }
        outputTable = scope.parameter(
            "scale_shift_table", shape: [2, width], initializer: .normal(deviation: 1 / Float(width).squareRoot()))
        output = Linear(inputs: width, outputs: patch * patch * configuration.outChannels, in: scope["proj_out"])
    }

    /// `in_channels`.
    public var latentChannels: Int { configuration.inChannels }
    /// `sample_size`.
    public var latentSize: LatentSize? { LatentSize(height: configuration.sampleSize, width: configuration.sampleSize) }
    /// The width, by which memory is estimated.
    public var channelsAtFullSize: Int { configuration.width }
    /// diffusers' class `PixArtTransformer2DModel`.
    public var stored: StoredPart? {
        try? StoredPart(
            library: "diffusers", className: "PixArtTransformer2DModel", configuration: configuration,
            parameters: parameters)
    }

    /// The same architecture over the parameters of `scope`.
    public func over(_ scope: ParameterScope) -> PixArtTransformer { PixArtTransformer(configuration, in: scope) }

    /// The predicted ε; the variances that the published networks predict beside it are dropped.
    public func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        transformed(noisy, at: timesteps, given: condition).sliced(axis: 3, 0..<configuration.inChannels)
    }

    /// The network's whole output, `[batch, height, width, out channels]`; height and width are multiples of the patch's.
    func transformed(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let (batch, width) = (noisy.shape[0], configuration.width)
        let map = patches(noisy)
        let (rows, columns) = (map.shape[1], map.shape[2])
        let positions = configuration.positions(rows: rows, columns: columns)
        var hidden = map.reshaped(to: [batch, rows * columns, width]) + Variable(positions)
        let time = timestep(timesteps, height: noisy.shape[1], width: noisy.shape[2])
        let text = condition.broadcast(to: batch).tokens
        let context = PixArtContext(text: caption?(text) ?? text, tokens: text.value)
        for block in blocks { hidden = block(hidden, context, time.modulation) }

        let table = (outputTable.variable + time.embedding.reshaped(to: [batch, 1, width])).split([1, 1], axis: 1)
        let (shift, scale) = (table[0], table[1])
        let patch = configuration.patchSize
        return output(hidden.normalized() * (scale + 1) + shift)
            .reshaped(to: [batch, rows, columns, patch, patch, configuration.outChannels])
            .transposed([0, 1, 3, 2, 4, 5])
            .reshaped(to: [batch, rows * patch, columns * patch, configuration.outChannels])
    }
}

/// The embedding of the timestep, and the six shifts, scales and gates that all blocks share (adaLN-single).
private struct TimestepModulation {
    private let timestep: SinusoidEmbedding
    /// Of the image's size in pixels and its aspect ratio, in networks for 1,024 pixels.
    private let resolution: SinusoidEmbedding?
    private let aspectRatio: SinusoidEmbedding?
    private let modulation: Linear

    init(_ configuration: PixArtConfiguration, in scope: ParameterScope) {
        let (width, emb) = (configuration.width, scope["emb"])
        timestep = SinusoidEmbedding(width: width, in: emb["timestep_embedder"])
        let readsSize = configuration.readsSize
        resolution = readsSize ? SinusoidEmbedding(width: width / 3, in: emb["resolution_embedder"]) : nil
        aspectRatio = readsSize ? SinusoidEmbedding(width: width / 3, in: emb["aspect_ratio_embedder"]) : nil
        modulation = Linear(inputs: width, outputs: 6 * width, in: scope["linear"])
    }

    /// The embedding, `[batch, width]`, and the modulation, `[batch, 6, width]`.
    func callAsFunction(
        _ timesteps: [Double], height: Int, width: Int
    ) -> (embedding: Variable, modulation: Variable) {
        var embedding = timestep(timesteps)
        if let resolution, let aspectRatio {
            let pixels = [8 * height, 8 * width].map(Double.init)
            let size = resolution(pixels).reshaped(to: [1, -1])
            let sizes = Variable.concatenate([size, aspectRatio([pixels[0] / pixels[1]])], axis: 1)
            embedding = embedding + sizes
        }
        let modulation = modulation(embedding.silu())
        return (embedding, modulation.reshaped(to: [timesteps.count, 6, embedding.shape[1]]))
    }
}

/// Sines and cosines of numbers, and two linear layers.
private struct SinusoidEmbedding {
    private let first: Linear
    private let second: Linear

    init(width: Int, in scope: ParameterScope) {
        first = Linear(inputs: sinusoidChannels, outputs: width, in: scope["linear_1"])
        second = Linear(inputs: width, outputs: width, in: scope["linear_2"])
    }

    func callAsFunction(_ numbers: [Double]) -> Variable {
        second(first(Variable(cosinesAndSines(of: numbers))).silu())
    }
}

/// The projection of the text's embeddings to the network's width.
private struct TextProjection {
    private let first: Linear
    private let second: Linear

    init(inputs: Int, width: Int, in scope: ParameterScope) {
        first = Linear(inputs: inputs, outputs: width, in: scope["linear_1"])
        second = Linear(inputs: width, outputs: width, in: scope["linear_2"])
    }

    func callAsFunction(_ text: Variable) -> Variable { second(first(text).approximateGELU()) }
}
