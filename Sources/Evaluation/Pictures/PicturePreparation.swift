import DiffusionModels
import Tensor

/// How a picture is brought into a network's form: its size, and its colours' mean and spread.
public struct PicturePreparation: Sendable, Equatable, CustomStringConvertible {
    /// What becomes of a picture that is not square.
    public enum Framing: Sendable {
        /// It is stretched to a square.
        case stretched
        /// Its shorter side is brought to size, and what the longer one has more is cut off at both ends.
        case cropped
    }

    /// The side of the square, in pixels.
    public let size: Int
    /// How it is resized.
    public let resampling: Resampling
    /// What becomes of a picture that is not square.
    public let framing: Framing
    /// Subtracted from red, green and blue of 0…255.
    public let means: [Float]
    /// What red, green and blue are then divided by.
    public let deviations: [Float]

    /// A preparation of these parts.
    public init(size: Int, resampling: Resampling, framing: Framing = .stretched, means: [Float], deviations: [Float]) {
        precondition(
            size > 0 && means.count == 3 && deviations.count == 3 && deviations.allSatisfy { $0 != 0 },
            "PicturePreparation: expected a size and three means and deviations, found \(size), \(means), \(deviations)"
        )
        (self.size, self.resampling, self.framing) = (size, resampling, framing)
        (self.means, self.deviations) = (means, deviations)
    }

    /// A picture as `[size, size, 3]`.
    public func callAsFunction(_ picture: Picture) -> Tensor {
        var extent = (width: size, height: size)
        if framing == .cropped, picture.width != picture.height {
            let short = min(picture.width, picture.height)
            extent = (picture.width * size / short, picture.height * size / short)
        }
        let pixels = resampling.resized(picture, to: extent)
        // torchvision's CenterCrop rounds half to even.
        func margin(_ long: Int) -> Int { Int((Double(long - size) / 2).rounded(.toNearestOrEven)) }
        let (left, top) = (margin(extent.width), margin(extent.height))
        return Tensor(shape: [size, size, 3]) { target in
            for index in target.indices {
                let (row, column, colour) = (index / (3 * size), index / 3 % size, index % 3)
                // Cubic curves overshoot.
                let level = min(max(pixels[((top + row) * extent.width + left + column) * 3 + colour], 0), 255)
                target[index] = (level - means[colour]) / deviations[colour]
            }
        }
    }

    /// Filter and size.
    public var description: String {
        "\(resampling) to \(size) × \(size)" + (framing == .cropped ? ", centre cropped" : "")
    }
}
