import DiffusionModels
import Tensor

/// The pictures in a training's sample grids: evenly spread over the training split, then over the held-out split.
public struct SheetPictures: Sendable {
    /// The pictures, the held-out ones last.
    public let pictures: CaptionedPictures

    /// Selects up to 16 training pictures and 8 held-out ones. Throws ``TrainingError`` for a set without either.
    public init(of set: CaptionedPictures) throws {
        pictures = try set.subset(set.split(.train, atMost: 16) + set.split(.heldOut, atMost: 8))
    }

    /// A sample grid: each row of eight real pictures is followed by a row of the model's images for their names.
    ///
    /// - Parameters:
    ///   - model: a multi-step model; sampled by DDIM, or Euler's method in flow matching, whatever its files name, so that grids are comparable.
    ///   - steps: the number of sampling steps.
    ///   - guidanceScale: the scale of classifier-free guidance.
    ///
    /// Throws as `TextToImageModel.samples(for:_:seed:start:)`.
    public func sheet(of model: TextToImageModel, steps: Int = 25, guidanceScale: Double = 4.5) throws -> Picture {
        let settings = SamplingSettings(
            steps: steps, guidanceScale: guidanceScale, sampler: try model.deterministicSampler())
        var sampler = try model.samples(for: pictures.captions.map(\.text), settings, seed: 0)
        return try beside(try sampler.last().map { try model.pictures(from: $0.latents) } ?? [])
    }

    /// A grid in which each row of real pictures is followed by a row of the others.
    func beside(_ others: [Picture]) throws -> Picture {
        let rows = stride(from: 0, to: pictures.count, by: 8).map { $0..<min($0 + 8, pictures.count) }
        let blank = try Picture.blank(like: others[0])
        return try .grid(
            rows.flatMap { row in
                let blank = Array(repeating: blank, count: 8 - row.count)
                return pictures.pictures[row] + blank + others[row] + blank
            }, columns: 8)
    }
}

extension Picture {
    /// A white picture of the same size.
    static func blank(like picture: Picture) throws -> Picture {
        try Picture(
            width: picture.width, height: picture.height, pixels: Array(repeating: 255, count: picture.pixels.count))
    }
}
