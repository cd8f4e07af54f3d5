import Autograd
import DiffusionModels
import Tensor

/// How well a teacher knows what is behind the noise: the squared error of its x₀ by timestep, with a picture's own text and
/// with another picture's.
///
/// 1 is guessing the latents' mean. The two errors at the last timesteps tell whether a one-step student is possible: there
/// the text alone decides. The mean epsilon loss does not tell, since nearly all of it is won at lower noise.
public struct DenoisingErrors: Codable, Sendable, Equatable {
    /// The errors at one timestep.
    public struct Row: Codable, Sendable, Equatable {
        /// Which.
        public let timestep: Int
        /// The mean error with the pictures' own texts.
        public let ownText: Double
        /// The mean error with other pictures' texts.
        public let otherText: Double
    }

    /// How many pictures were asked about.
    public let pictures: Int
    /// One a timestep.
    public let rows: [Row]

    /// Measures a multi-step model on pictures: one noise a picture, the same at all timesteps and for both texts.
    ///
    /// - Parameters:
    ///   - model: the teacher; no guidance is used.
    ///   - pictures: with their names as texts, at least two.
    ///   - timesteps: where.
    ///   - seed: of the noise, and of which other picture's text is taken.
    ///
    /// Throws ``TrainingError`` for pictures that do not fit, and `ModelError` when there is no autoencoder or the text encoder cannot be loaded.
    public init(
        of model: TextToImageModel, on pictures: CaptionedPictures, timesteps: [Int] = [400, 700, 950, 999],
        seed: UInt64 = 0
    ) throws {
        let texts = pictures.captions.map(\.text)
        let others = try Self.others(of: texts, seed: seed)
        let embeddings = try model.embeddings(for: texts)
        guard let autoencoder = model.autoencoder else {
            throw ModelError.missingAutoencoder(path: model.checkpoint.url.path)
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
                let text = try embeddings.values(for: rows.map { texts[$0] })
                let output = model.unet.predict(Variable(noisy), at: steps.map(Double.init), given: text).value
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

    /// Another picture's text for each: the texts in random order, each moved on by one.
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

    /// The mean squared distance of latents from the mean of their channel.
    private static func variance(_ latents: Tensor) -> Double {
        let mean = latents.mean(alongAxes: [0, 1, 2])
        return (latents - mean).squaredNorm() / Double(latents.count)
    }
}

extension DenoisingErrors: CustomStringConvertible {
    /// A line a timestep, `own / other`.
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
