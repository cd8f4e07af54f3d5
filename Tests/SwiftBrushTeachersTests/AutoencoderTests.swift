import Autograd
import Foundation
import Tensor
import Testing

@testable import DiffusionModels
@testable import SwiftBrushTeachers

@Suite("Autoencoder training")
struct AutoencoderTests {
    @Test("AutoencoderLoss computes each term by its formula")
    func terms() {
        // One image of 2 × 2 pixels, its three channels equal: y − x = [[1, −1], [0, 2]].
        func map(_ values: [Float]) -> Tensor { Tensor(values.flatMap { [$0, $0, $0] }, shape: [1, 2, 2, 3]) }
        let pictures = map([0.5, 0.25, -0.5, 0])
        let reconstruction = Variable(pictures + map([1, -1, 0, 2]))
        let (mean, logVariance) = (Float(0.5), Float(-1))
        let latents = LatentDistribution(
            mean: Variable(Tensor([mean], shape: [1, 1, 1, 1])),
            logVariance: Variable(Tensor([logVariance], shape: [1, 1, 1, 1])))
        let loss = AutoencoderLoss(of: reconstruction, pictures: pictures, latents: latents)
        #expect(loss.absolute.value.item == 1)
        #expect(loss.squared.value.item == 1.5)
        // Vertical: 0 − 1 and 2 − (−1), absolute mean 2; horizontal: −1 − 1 and 2 − 0, absolute mean 2.
        #expect(loss.edges.value.item == 4)
        // ½ (μ² + s² − 1 − ln s²) with s² = 1/e, up to Float32's rounding.
        let divergence: Float = 0.5 * (0.25 + Float(exp(-1.0)))
        #expect(abs(loss.divergence.value.item - divergence) < 1e-6)
        var configuration = AutoencoderTrainingConfiguration()
        configuration.divergenceWeight = 2
        let total: Float = 1 + 0.45 + 2 + 2 * divergence
        #expect(abs(loss.total(configuration).value.item - total) < 1e-6)
    }

    @Test("AutoencoderLoss has correct gradients")
    func gradient() {
        var stream = RandomStream(seed: 5)
        let pictures = stream.normal([2, 4, 4, 3])
        // Far from the kink of |x|, so that finite differences are smooth.
        let start = pictures + stream.normal([2, 4, 4, 3]) * 3
        let mean = stream.normal([2, 2, 2, 4])
        let check = GradientCheck()
        let report = check.run(at: [mean, mean * 0.3]) { inputs in
            let latents = LatentDistribution(mean: inputs[0], logVariance: inputs[1])
            var configuration = AutoencoderTrainingConfiguration()
            configuration.divergenceWeight = 1
            return AutoencoderLoss(of: Variable(start), pictures: pictures, latents: latents).total(configuration)
        }
        #expect(report.worstError < 1e-3, "\(report)")
    }

    @Test("Normalised latents have mean 0 and covariance 1 and decode to the same images")
    func normalization() throws {
        let pictures = try SmallSet.pictures()
        let autoencoder = SmallSet.autoencoder()
        let normalized = try autoencoder.normalizingLatents(of: pictures)
        let latents = try normalized.latents(of: pictures)
        let flat = latents.reshaped(to: [latents.count / 4, 4])
        let mean = flat.mean(alongAxes: [0]).scalars
        let covariance = flat.matmul(flat, transposingSelf: true).scalars.map { $0 / Float(latents.count / 4) }
        // With random weights the latents vary by about 1e-2; the map scales this to 1, and Float32's rounding with it.
        for (index, value) in covariance.enumerated() {
            let expected: Float = index % 5 == 0 ? 1 : 0
            #expect(abs(value - expected) < 2e-3)
        }
        #expect(mean.allSatisfy { abs($0) < 2e-3 })

        let before = autoencoder.decode(Variable(try autoencoder.latents(of: pictures))).value
        let after = normalized.decode(Variable(latents)).value
        let difference = (before - after).absolute().maximum()
        #expect(difference < 1e-4)
        #expect(before.absolute().maximum() > 0.01)
    }

    @Test("The mean variances of normalised latents are the mapped mean variances")
    func variances() throws {
        let pictures = try SmallSet.pictures()
        let autoencoder = SmallSet.autoencoder()
        let map = LatentNormalization(of: try autoencoder.latents(of: pictures))
        let normalized = try autoencoder.normalizingLatents(of: pictures)
        func variances(_ autoencoder: AutoencoderKL) -> [Float] {
            let colours = Variable(pictures.colours(Array(0..<pictures.count)))
            return autoencoder.encode(colours).logVariance.value.exp().mean(alongAxes: [0, 1, 2]).scalars
        }
        let (before, after) = (variances(autoencoder), variances(normalized))
        for row in 0..<4 {
            var expected = 0.0
            for column in 0...row {
                let factor = map.inverseRoot[row][column]
                expected += factor * factor * Double(before[column])
            }
            #expect(abs(Double(after[row]) / expected - 1) < 1e-3)
        }
    }

    @Test("A latent direction without variance keeps its scale")
    func flatDirection() {
        // Two equal channels: the second has no variance of its own.
        let latents = Tensor([1, 1, 3, 3, -1, -1], shape: [1, 3, 1, 2])
        let map = LatentNormalization(of: latents)
        #expect(map.mean == [1, 1])
        #expect(abs(map.root[0][0] - (8.0 / 3).squareRoot()) < 1e-12)
        #expect(map.root[1][1] == 1)
    }

    @Test("Training reduces the reconstruction loss")
    func learns() throws {
        var configuration = AutoencoderTrainingConfiguration()
        (configuration.batchSize, configuration.iterations) = (4, 40)
        let trainer = try AutoencoderTrainer(pictures: SmallSet.pictures(), configuration: configuration)
        let losses = try (0..<40).map { _ in try trainer.step().loss }
        let (before, after) = (losses.prefix(5).reduce(0, +), losses.suffix(5).reduce(0, +))
        #expect(after / before < 0.7)
    }

    @Test("Settings out of range and pictures of an unsuitable size are errors")
    func invalid() throws {
        var configuration = AutoencoderTrainingConfiguration()
        configuration.batchSize = 0
        #expect(throws: TrainingError.invalidSetting(name: "batchSize", expected: "1 to 4096", found: "0")) {
            try AutoencoderTrainer(pictures: SmallSet.pictures(), configuration: configuration)
        }
        let odd = try CaptionedPictures.shapes(side: 18).subset([1, 2])
        #expect(throws: TrainingError.self) { try AutoencoderTrainer(pictures: odd) }
        #expect(throws: TrainingError.self) { try SmallSet.autoencoder().latents(of: odd) }
    }
}
