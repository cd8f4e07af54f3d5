import DiffusionModels
import Tensor

/// The preprocessing of a network's input: resizing, and normalisation of the colours.
public struct PicturePreparation: Sendable, Equatable, CustomStringConvertible {
    /// The treatment of pictures that are not square.
    public enum Framing: Sendable {
        /// The picture is stretched to a square.
        case stretched
        /// The shorter side is resized to the size, and the centre square is cropped.
        case cropped
    }

    /// The side of the square, in pixels.
    public let size: Int
    /// The resampling filter.
    public let resampling: Resampling
    /// The treatment of pictures that are not square.
    public let framing: Framing
    /// Subtracted from red, green and blue of 0…255.
    public let means: [Float]
    /// The divisors of red, green and blue after the means are subtracted.
    public let deviations: [Float]

    /// Creates a preparation.
    public init(size: Int, resampling: Resampling, framing: Framing = .stretched, means: [Float], deviations: [Float]) {
        require(
            size > 0 && means.count == 3 && deviations.count == 3 && deviations.allSatisfy { $0 != 0 },
            "PicturePreparation: expected a size and three means and deviations, found \(size), \(means), \(deviations)"
        )
        (self.size, self.resampling, self.framing) = (size, resampling, framing)
        (self.means, self.deviations) = (means, deviations)
    }

    /// Prepares a picture: `[size, size, 3]`. Throws `PictureError` for a picture so long and narrow that it does not fit in memory when it is
    /// resized.
    public func callAsFunction(_ picture: Picture) throws -> Tensor {
        var extent = (width: size, height: size)
        if framing == .cropped, picture.width != picture.height {
            let short = min(picture.width, picture.height)
            extent = (picture.width * size / short, picture.height * size / short)
        }
        let pixels = try resampling.resized(picture, to: extent)
        // torchvision's CenterCrop rounds half to even.
        func margin(_ long: Int) -> Int { Int((Double(long - size) / 2).rounded(.toNearestOrEven)) }
        let (left, top) = (margin(extent.width), margin(extent.height))
        return Tensor(shape: [size, size, 3]) { target in
            for index in target.indices {
                let (row, column, colour) = (index / (3 * size), index / 3 % size, index % 3)
                // Cubic filters overshoot.
                let level = min(max(pixels[((top + row) * extent.width + left + column) * 3 + colour], 0), 255)
                target[index] = (level - means[colour]) / deviations[colour]
            }
        }
    }

    /// The filter, the size, and cropping if there is any.
    public var description: String {
        "\(resampling) to \(size) × \(size)" + (framing == .cropped ? ", centre cropped" : "")
    }
}
