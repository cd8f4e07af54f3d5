import Autograd
import DiffusionModels
import Foundation
import Tensor

/// The features of EfficientNet-Lite0 (arXiv 1905.11946), trained on ImageNet: a small network whose weights may be redistributed.
///
/// A feature vector is the mean of the last feature map, 1,280 numbers, for an image of 128 × 128 pixels. The keys are those of
/// efficientnet-lite-pytorch.
public final class EfficientNetLite0: FeatureNetwork {
    /// The name in reports.
    public let name = "EfficientNet-Lite0"
    /// The length of a feature vector.
    public let width = 1280
    /// Bilinear resizing to 128 × 128 pixels, antialiased for larger pictures, and colours in −1…1.
    public let preparation = PicturePreparation(
        size: 128, resampling: Resampling(.bilinear), means: [127.5, 127.5, 127.5], deviations: [127.5, 127.5, 127.5])
    private let stem: NormalizedConvolution
    private let blocks: [Block]
    private let head: NormalizedConvolution

    /// Reads the weights. Throws `SafetensorsError` and `ModelError` for a file that does not hold them.
    public init(contentsOf url: URL) throws {
        let parameters = ParameterSet()
        let scope = parameters.scope
        stem = .init(
            inputs: 3, outputs: 32, kernel: (3, 3), stride: 2, padding: .same, epsilon: Self.epsilon, ending: .relu6,
            convolution: scope["_conv_stem"], norm: scope["_bn0"])
        var (blocks, inputs) = ([Block](), 32)
        for stage in Self.stages {
            for index in 0..<stage.count {
                blocks.append(
                    Block(
                        inputs: inputs, outputs: stage.channels, expansion: stage.expansion, kernel: stage.kernel,
                        stride: index == 0 ? stage.stride : 1, in: scope["_blocks"][blocks.count]))
                inputs = stage.channels
            }
        }
        self.blocks = blocks
        head = .init(
            inputs: inputs, outputs: width, kernel: (1, 1), padding: .same, epsilon: Self.epsilon, ending: .relu6,
            convolution: scope["_conv_head"], norm: scope["_bn1"])
        try parameters.load(
            from: WeightFiles([SafetensorsFile(contentsOf: url)], path: url.path) { key in
                // The classifier and the batch counts of the statistics are not needed.
                key.hasPrefix("_fc.") || key.hasSuffix("num_batches_tracked") ? [] : [key]
            })
    }

    /// Prepared pictures, `[batch, height, width, 3]` → `[batch, 1280]`.
    public func callAsFunction(_ pictures: Tensor) -> Tensor {
        head(blocks.reduce(stem(pictures)) { $1($0) }).mean(alongAxes: [1, 2])
    }
}

extension EfficientNetLite0 {
    private static let epsilon: Float = 1e-3

    private static let stages: [(count: Int, channels: Int, expansion: Int, kernel: Int, stride: Int)] = [
        (1, 16, 1, 3, 1), (2, 24, 6, 3, 2), (2, 40, 6, 5, 2), (3, 80, 6, 3, 2), (3, 112, 6, 5, 1), (4, 192, 6, 5, 2),
        (1, 320, 6, 3, 1),
    ]

    /// Expansion, depthwise convolution and projection; the input is added if the shapes agree.
    private final class Block: Sendable {
        private let expansion: NormalizedConvolution?
        private let depthwise: NormalizedConvolution
        private let projection: NormalizedConvolution
        private let isResidual: Bool

        init(inputs: Int, outputs: Int, expansion factor: Int, kernel: Int, stride: Int, in scope: ParameterScope) {
            func layer(
                _ name: String, _ norm: String, _ inputs: Int, _ outputs: Int?, size: Int = 1, stride: Int = 1,
                _ ending: NormalizedConvolution.Ending
            ) -> NormalizedConvolution {
                .init(
                    inputs: inputs, outputs: outputs, kernel: (size, size), stride: stride, padding: .same,
                    epsilon: epsilon,
                    ending: ending, convolution: scope[name], norm: scope[norm])
            }
            let inner = inputs * factor
            expansion = factor == 1 ? nil : layer("_expand_conv", "_bn0", inputs, inner, .relu6)
            depthwise = layer("_depthwise_conv", "_bn1", inner, nil, size: kernel, stride: stride, .relu6)
            projection = layer("_project_conv", "_bn2", inner, outputs, .none)
            isResidual = stride == 1 && inputs == outputs
        }

        func callAsFunction(_ x: Tensor) -> Tensor {
            let result = projection(depthwise(expansion?(x) ?? x))
            return isResidual ? result + x : result
        }
    }
}
