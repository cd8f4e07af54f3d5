import DiffusionModels
import Foundation
import Tensor
import TestFixtures
import Testing

@testable import Evaluation

@Suite("Pictures in the networks' sizes")
struct PictureTests {
    private let golden = Result { try Fixtures.tensors("pictures/pictures.safetensors") }

    private func tensor(_ name: String) throws -> Tensor { try #require(golden.get()[name]) }

    private func picture(_ name: String) throws -> Picture {
        let tensor = try tensor(name)
        return Picture(width: tensor.shape[1], height: tensor.shape[0], pixels: tensor.scalars.map { UInt8($0) })
    }

    private func preparation(
        _ resampling: Resampling, size: Int = 37, _ framing: PicturePreparation.Framing = .stretched
    )
        -> PicturePreparation
    {
        PicturePreparation(
            size: size, resampling: resampling, framing: framing, means: [0, 0, 0], deviations: [1, 1, 1])
    }

    @Test(
        "Pillow's filters on numbers that are not rounded", arguments: ["small", "large"],
        ["bilinear", "bicubic", "lanczos"])
    func floating(name: String, filter: String) throws {
        let filter = try #require(Resampling.Filter(rawValue: filter))
        let found = preparation(Resampling(filter))(try picture(name))
        let expected = try tensor("\(name).\(filter.rawValue).float")
        // Pillow rounds to Float32 between the directions, as we do; what is left is the last bit of 255.
        #expect((found - expected).absolute().maximum() <= 6e-5)
    }

    @Test(
        "Pillow's filters in 8 bits, to the bit", arguments: ["small", "even", "large"],
        ["bilinear", "bicubic", "lanczos"])
    func rounded(name: String, filter: String) throws {
        let filter = try #require(Resampling.Filter(rawValue: filter))
        let found = preparation(Resampling(filter, isRounded: true))(try picture(name))
        #expect(found.scalars == (try tensor("\(name).\(filter.rawValue).rounded").scalars))
    }

    @Test("PyTorch's bilinear interpolation, which pytorch-fid takes", arguments: ["small", "large"])
    func interpolated(name: String) throws {
        let found = preparation(Resampling(.bilinear, isAntialiased: false))(try picture(name))
        // PyTorch's weights are Float32.
        #expect((found - (try tensor("\(name).plain"))).absolute().maximum() <= 1e-3)
    }

    @Test("The middle square, and the shorter side brought to size, to the bit", arguments: ["small", "large"])
    func framed(name: String) throws {
        let picture = try picture(name)
        #expect(picture.centreSquare(resizedTo: 32) == (try self.picture("\(name).square")))
        let cropped = preparation(Resampling(.bicubic, isRounded: true), size: 24, .cropped)(picture)
        #expect(cropped.scalars == (try tensor("\(name).cropped").scalars))
    }

    @Test("Means and deviations are each colour's own")
    func colours() throws {
        let picture = Picture(width: 1, height: 1, pixels: [10, 20, 30])
        let preparation = PicturePreparation(
            size: 1, resampling: Resampling(.bicubic), means: [1, 2, 3], deviations: [1, 2, 3])
        #expect(preparation(picture).scalars == [9, 9, 9])
    }
}
