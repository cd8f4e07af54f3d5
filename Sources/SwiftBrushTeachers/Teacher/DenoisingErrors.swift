import Autograd
import DiffusionModels
import Tensor

/// The squared error of a teacher's x₀ predictions by timestep, with each picture's own text and with another picture's.
///
/// Predicting the latents' mean has an error of 1. The two errors at the last timesteps show whether a one-step student is
/// possible: there only the text determines the image. The mean epsilon loss does not show this, since nearly all of its
/// improvement is at lower noise levels.
public struct DenoisingErrors: Codable, Sendable, Equatable {
    /// The errors at one timestep.
    public struct Row: Codable, Sendable, Equatable {
        /// The timestep.
        public let timestep: Int
        /// The mean error with the pictures' own texts.
        public let ownText: Double
        /// The mean error with other pictures' texts.
        public let otherText: Double
    }

    /// The number of pictures.
    public let pictures: Int
    /// The errors, one row per timestep.
    public let rows: [Row]

    /// Measures a multi-step model on pictures, with one noise sample per picture, the same at all timesteps and for both texts.
    ///
    /// - Parameters:
    ///   - model: the teacher; no guidance is used.
    ///   - pictures: the pictures, with at least two different names; the names are the texts.
    ///   - timesteps: the timesteps at which the error is measured.
    ///   - seed: the seed of the noise and of the assignment of other pictures' texts.
    ///
    /// Throws ``TrainingError`` for pictures of an unsuitable size or with the same name, and `ModelError` if there is no autoencoder
    /// or the text encoder cannot be loaded.
    public init(
        of model: TextToImageModel, on pictures: CaptionedPictures, timesteps: [Int] = [400, 700, 950, 999],
        seed: UInt64 = 0
    ) throws {
        let known = 0..<model.schedule.timestepCount
        if let timestep = timesteps.first(where: { !known.contains($0) }) {
            throw TrainingError.invalidSetting(
                name: "timesteps", expected: "0 to \(known.upperBound - 1)", found: "\(timestep)")
        }
        let texts = pictures.captions.map(\.text)
        let others = try Self.others(of: texts, seed: seed)
        let embeddings = try model.embeddings(for: texts)
        guard let autoencoder = model.autoencoder else {
            throw ModelError.missingAutoencoder(path: model.name)
        }
        let latents = try autoencoder.latents(of: pictures)
        let noise = LatentNoise.next(seed: seed, like: latents)
        let scale = Self.variance(latents)
        func error(_ timestep: Int, _ texts: [String]) throws -> Double {
            let chunk = 32
            var sum = 0.0
            for start in stride(from: 0, to: texts.count, by: chunk) {
                let rows = Array(start..<min(start + chunk, texts.count))
                let (x, steps) = (latents.gathered(rows: rows), rows.map { _ in timestep })
                let noisy = model.schedule.noisy(x, noise: noise.gathered(rows: rows), timesteps: steps)
                let text = try embeddings.condition(for: rows.map { texts[$0] })
                let output = try model.network.checkedPrediction(
                    Variable(noisy), at: steps.map(Double.init), given: text
                ).value
                let original = model.schedule.convert(output, to: .sample, noisy: noisy, timesteps: steps)
                sum += (original - x).squaredNorm()
            }
            return sum / Double(latents.count) / scale
        }
        self.pictures = pictures.count
        rows = try timesteps.map { timestep in
            Row(timestep: timestep, ownText: try error(timestep, texts), otherText: try error(timestep, others))
        }
    }

    /// Another picture's text for each picture: a random cyclic permutation of the texts.
    private static func others(of texts: [String], seed: UInt64) throws -> [String] {
        guard Set(texts).count > 1 else {
            throw TrainingError.invalidSetting(
                name: "pictures", expected: "at least two different texts", found: "\(Set(texts).count)")
        }
        var stream = RandomStream(seed: seed).split("texts")
        let order = stream.permutation(texts.count)
        var others = texts
        for (place, index) in order.enumerated() { others[index] = texts[order[(place + 1) % order.count]] }
        return others
    }

    /// The mean squared distance of latents from their channel's mean.
    private static func variance(_ latents: Tensor) -> Double {
        let mean = latents.mean(alongAxes: [0, 1, 2])
        return (latents - mean).squaredNorm() / Double(latents.count)
    }
}

extension DenoisingErrors: CustomStringConvertible {
    /// One line per timestep, `own / other`.
    public var description: String {
        rows.map { row in
            func digits(_ number: Double) -> String { "\((number * 1000).rounded() / 1000)" }
            return "t = \(row.timestep): \(digits(row.ownText)) / \(digits(row.otherText))"
        }.joined(separator: "\n")
    }
}

extension LatentNoise {
    fileprivate static func next(seed: UInt64, like latents: Tensor) -> Tensor {
        var noise = LatentNoise(seed: seed, count: latents.shape[0])
        return noise.next(height: latents.shape[1], width: latents.shape[2], channels: latents.shape[3])
    }
}
