import Autograd
import DiffusionModels
import Foundation
import Tensor

@testable import SwiftBrushTeachers

/// Sixteen pictures of 16 × 16 pixels: a square of one of four colours at one of four positions, one of them held out.
enum SmallSet {
    static let colours: [(name: String, rgb: [UInt8])] = [
        ("red", [220, 40, 40]), ("green", [40, 180, 60]), ("blue", [50, 80, 220]), ("yellow", [240, 210, 50]),
    ]
    static let places = ["left", "right", "top", "bottom"]

    static func pictures() throws -> CaptionedPictures {
        var captions: [CaptionedPicture] = []
        var pictures: [Picture] = []
        for colour in colours {
            for (place, placeName) in places.enumerated() {
                let (x, y) = ([1, 9, 5, 5][place], [5, 5, 1, 9][place])
                var pixels = [UInt8](repeating: 255, count: 3 * 16 * 16)
                for row in y..<y + 6 {
                    for column in x..<x + 6 {
                        for channel in 0..<3 { pixels[3 * (row * 16 + column) + channel] = colour.rgb[channel] }
                    }
                }
                let isHeldOut = (colour.name, placeName) == ("blue", "top")
                captions.append(
                    CaptionedPicture(
                        fileName: "\(colour.name)-\(placeName).png", text: "\(colour.name) square \(placeName)",
                        keywords: [colour.name, placeName], group: "a square", split: isHeldOut ? .heldOut : .train,
                        weight: colour.name == "yellow" ? 0.5 : 1))
                pictures.append(try Picture(width: 16, height: 16, pixels: pixels))
            }
        }
        return try CaptionedPictures(captions, pictures)
    }

    /// An autoencoder with random weights.
    static func autoencoder() -> AutoencoderKL {
        var stream = RandomStream(seed: 3)
        let autoencoder = AutoencoderKL(.small(side: 16), in: ParameterSet().scope)
        autoencoder.parameters.initialize(using: &stream)
        return autoencoder
    }
}
