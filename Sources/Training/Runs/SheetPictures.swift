import DiffusionModels
import Tensor

/// The pictures that a training's sheets show: evenly spread over the set, then some that are held out.
public struct SheetPictures: Sendable {
    /// The pictures, the held-out ones last.
    public let pictures: CaptionedPictures

    /// Up to twice eight pictures of the training set and eight that are held out.
    public init(of set: CaptionedPictures) {
        pictures = set.subset(set.split(.train, atMost: 16) + set.split(.heldOut, atMost: 8))
    }

    /// The real pictures above, a model's of the same names below: rows in pairs, eight pictures wide.
    ///
    /// - Parameters:
    ///   - model: a multi-step model, sampled by DDIM whatever its files name: its sheets are to be compared.
    ///   - steps: the sampler's.
    ///   - guidanceScale: of classifier-free guidance.
    ///
    /// Throws as `TextToImageModel.samples(for:_:seed:start:embeddings:)`.
    public func sheet(of model: TextToImageModel, steps: Int = 25, guidanceScale: Double = 4.5) throws -> Picture {
        let settings = SamplingSettings(
            steps: steps, guidanceScale: guidanceScale, sampler: try DDIMSampler(model.schedule))
        var sampler = try model.samples(for: pictures.captions.map(\.text), settings, seed: 0)
        return beside(try sampler.last().map { try model.pictures(from: $0.latents) } ?? [])
    }

    /// The real pictures above, others below.
    func beside(_ others: [Picture]) -> Picture {
        let rows = stride(from: 0, to: pictures.count, by: 8).map { $0..<min($0 + 8, pictures.count) }
        return .grid(
            rows.flatMap { row in
                let blank = Array(repeating: Picture.blank(like: others[0]), count: 8 - row.count)
                return pictures.pictures[row] + blank + others[row] + blank
            }, columns: 8)
    }
}

extension Picture {
    fileprivate static func blank(like picture: Picture) -> Picture {
        Picture(
            width: picture.width, height: picture.height, pixels: Array(repeating: 255, count: picture.pixels.count))
    }
}
