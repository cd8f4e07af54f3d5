import Tensor

/// A network that maps pictures to feature vectors, by which sets of pictures are compared.
public protocol FeatureNetwork: Sendable {
    /// The name in reports.
    var name: String { get }
    /// The length of a feature vector.
    var width: Int { get }
    /// The resizing and normalisation of the network's input.
    var preparation: PicturePreparation { get }
    /// Prepared pictures, `[batch, height, width, 3]` → features, `[batch, width]`.
    func callAsFunction(_ pictures: Tensor) -> Tensor
}

extension FeatureNetwork {
    /// The features of prepared pictures. Throws ``EvaluationError`` unless they are `[batch, width]`.
    func checkedFeatures(of pictures: Tensor) throws -> Tensor {
        let features = self(pictures)
        guard features.shape == [pictures.shape[0], width] else {
            throw EvaluationError.unsuitableFeatures(
                metric: name, expected: "features [\(pictures.shape[0]), \(width)]", found: "\(features.shape)")
        }
        return features
    }
}
