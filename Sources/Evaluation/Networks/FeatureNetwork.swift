import Tensor

/// A network that turns pictures into feature vectors, in which picture sets are compared.
public protocol FeatureNetwork {
    /// What reports call it.
    var name: String { get }
    /// The length of a feature vector.
    var width: Int { get }
    /// How a picture is brought into the network's form.
    var preparation: PicturePreparation { get }
    /// Prepared pictures, `[batch, height, width, 3]` → features, `[batch, width]`.
    func callAsFunction(_ pictures: Tensor) -> Tensor
}
