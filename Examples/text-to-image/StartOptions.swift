import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands

/// The options of the starting point, which also determines the size.
struct StartOptions: ParsableArguments {
    @Option(help: "Height in pixels; needs --width. Default: the size that the model was trained on.") var height: Int?
    @Option(help: "Width in pixels; needs --height.") var width: Int?
    @Option(
        help: "Starting noise instead of the seed's: safetensors with \"latents\" [pictures, channels, height, width].")
    var latents: URL?
    @Option(
        help: """
            A PNG or JPEG image to start from; needs --steps. It is resized to --height and --width, by default to its own size rounded \
            down to one that the model supports.
            """)
    var image: URL?
    @Option(
        help: """
            A PNG or JPEG image, white where --image is repainted and black where it is kept; resized like --image. For inpainting models and \
            others.
            """)
    var mask: URL?
    @Option(help: "How much of --image is changed, above 0 and at most 1. Default: 0.8; 1 with --mask.") var strength:
        Double?

    func validate() throws {
        if (height == nil) != (width == nil) { throw ValidationError("--height and --width need each other") }
        if latents != nil, height != nil || image != nil {
            throw ValidationError(
                "--latents determines size and start: expected neither --height and --width nor --image")
        }
        try check("--height", height, in: 1...16_384)
        try check("--width", width, in: 1...16_384)
        if let strength, !(strength > 0 && strength <= 1) {
            throw ValidationError("--strength: expected above 0 and at most 1, found \(strength)")
        }
        if mask != nil, image == nil { throw ValidationError("--mask needs --image") }
        if strength != nil, image == nil { throw ValidationError("--strength needs --image") }
    }

    /// Checks the files before the model is loaded.
    func check() throws {
        if let latents { _ = try LatentsFile.read(latents) }
        for image in [image, mask].compactMap({ $0 }) { _ = try Picture(contentsOf: image, isUpright: true) }
    }

    func start(for model: TextToImageModel) throws -> SamplingStart {
        if let latents { return .latents(try LatentsFile.read(latents)) }
        if let image {
            let picture = try model.fitted(Picture(contentsOf: image, isUpright: true), height: height, width: width)
            guard let mask else { return .picture(picture, strength: strength ?? 0.8) }
            let area = try model.fitted(
                Picture(contentsOf: mask, isUpright: true), height: picture.height, width: picture.width)
            return .inpainting(picture, mask: area, strength: strength ?? 1)
        }
        return .noise(size: try size(for: model))
    }

    /// The size of the latents; nil for the size that the model was trained on.
    func size(for model: TextToImageModel) throws -> LatentSize? {
        guard let height, let width else { return nil }
        return try model.latentSize(height: height, width: width)
    }

    /// The options as recorded in image files.
    var record: [String: String] {
        var record: [String: String] = [:]
        record["latents"] = latents?.lastPathComponent
        record["image"] = image?.lastPathComponent
        record["mask"] = mask?.lastPathComponent
        record["strength"] = image.map { _ in "\(strength ?? (mask == nil ? 0.8 : 1))" }
        return record
    }
}
