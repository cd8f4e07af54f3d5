import Autograd
import DiffusionModels
import Foundation
import Tensor

/// The features of FID: the mean of the last feature map, 2,048 numbers, of Inception-v3 (arXiv 1512.00567) as in TensorFlow's
/// graph of 2015-12-05.
///
/// The keys are those of pytorch-fid's `pt_inception-2015-12-05`, which are torchvision's. The architecture is torchvision's too,
/// except that average pooling excludes the padding and that the last block uses max pooling instead of average pooling.
public final class InceptionV3: FeatureNetwork {
    /// The resizing of pictures to 299 × 299. Distances with different resizing cannot be compared.
    public enum Resizing: String, Sendable, CaseIterable {
        /// clean-fid's (arXiv 2104.11222): Pillow's antialiased bicubic filter, per channel and without rounding; (x − 128)/128.
        case clean
        /// pytorch-fid's: bilinear interpolation of the four nearest pixels; 2 x/255 − 1.
        case pytorchFID = "pytorch-fid"
    }

    /// The name in reports.
    public let name = "Inception-v3 (FID)"
    /// The length of a feature vector.
    public let width = 2048
    /// The resizing and normalisation of a ``Resizing``.
    public let preparation: PicturePreparation
    private let layers: [Layer]
    private typealias Layer = @Sendable (Tensor) -> Tensor

    /// Reads the weights, in safetensors.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - resizing: the resizing of pictures to 299 × 299.
    ///
    /// Throws `SafetensorsError` and `ModelError` for a file that does not hold them.
    public init(contentsOf url: URL, resizing: Resizing) throws {
        let middle = [Float](repeating: resizing == .clean ? 128 : 127.5, count: 3)
        preparation = PicturePreparation(
            size: 299,
            resampling: resizing == .clean ? Resampling(.bicubic) : Resampling(.bilinear, isAntialiased: false),
            means: middle, deviations: middle)
        let parameters = ParameterSet()
        layers = Self.layers(in: parameters.scope)
        try parameters.load(
            from: WeightFiles([SafetensorsFile(contentsOf: url)], path: url.path) { key in
                // The classifiers and the batch counts of the statistics are not needed.
                key.hasPrefix("fc.") || key.hasPrefix("AuxLogits.") || key.hasSuffix("num_batches_tracked") ? [] : [key]
            })
    }

    /// Prepared pictures, `[batch, 299, 299, 3]` → `[batch, 2048]`.
    public func callAsFunction(_ pictures: Tensor) -> Tensor {
        layers.reduce(pictures) { $1($0) }.mean(alongAxes: [1, 2])
    }

    private static func layers(in scope: ParameterScope) -> [Layer] {
        func convolution(
            _ name: String, _ inputs: Int, _ outputs: Int, size: Int = 3, stride: Int = 1, padding: Int = 0
        )
            -> Layer
        {
            let shape = InceptionBlock.Shape(name, outputs, size, size, stride: stride, padding: padding)
            return { [layer = shape.layer(inputs: inputs, in: scope)] in layer($0) }
        }
        func block(_ name: String, _ inputs: Int, _ branches: [InceptionBlock.Branch]) -> Layer {
            { [block = InceptionBlock(inputs: inputs, branches, in: scope[name])] in block($0) }
        }
        let pool: Layer = { $0.maxPooled(size: 3, stride: 2) }
        return [
            convolution("Conv2d_1a_3x3", 3, 32, stride: 2), convolution("Conv2d_2a_3x3", 32, 32),
            convolution("Conv2d_2b_3x3", 32, 64, padding: 1), pool, convolution("Conv2d_3b_1x1", 64, 80, size: 1),
            convolution("Conv2d_4a_3x3", 80, 192), pool,
            block("Mixed_5b", 192, InceptionBlock.a(pooled: 32)), block("Mixed_5c", 256, InceptionBlock.a(pooled: 64)),
            block("Mixed_5d", 288, InceptionBlock.a(pooled: 64)), block("Mixed_6a", 288, InceptionBlock.b),
            block("Mixed_6b", 768, InceptionBlock.c(128)), block("Mixed_6c", 768, InceptionBlock.c(160)),
            block("Mixed_6d", 768, InceptionBlock.c(160)), block("Mixed_6e", 768, InceptionBlock.c(192)),
            block("Mixed_7a", 768, InceptionBlock.d), block("Mixed_7b", 1280, InceptionBlock.e(pooling: .mean)),
            block("Mixed_7c", 2048, InceptionBlock.e(pooling: .maximum)),
        ]
    }
}
