import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushEvaluation

@Suite("PicturePreparation")
struct PictureTests {
    private let golden = Result { try Fixtures.tensors("pictures/pictures.safetensors") }

    private func tensor(_ name: String) throws -> Tensor { try #require(golden.get()[name]) }

    private func picture(_ name: String) throws -> Picture {
        let tensor = try tensor(name)
        return try Picture(width: tensor.shape[1], height: tensor.shape[0], pixels: tensor.scalars.map { UInt8($0) })
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
        "Filters without rounding match Pillow's", arguments: ["small", "large"],
        ["bilinear", "bicubic", "lanczos"])
    func floating(name: String, filter: String) throws {
        let filter = try #require(Resampling.Filter(rawValue: filter))
        let found = try preparation(Resampling(filter))(try picture(name))
        let expected = try tensor("\(name).\(filter.rawValue).float")
        // Pillow rounds to Float32 between the directions, as we do; the rest is the last bit of 255.
        #expect((found - expected).absolute().maximum() <= 6e-5)
    }

    @Test(
        "Filters in 8 bits match Pillow's bit for bit", arguments: ["small", "even", "large"],
        ["bilinear", "bicubic", "lanczos"])
    func rounded(name: String, filter: String) throws {
        let filter = try #require(Resampling.Filter(rawValue: filter))
        let found = try preparation(Resampling(filter, isRounded: true))(try picture(name))
        #expect(found.scalars == (try tensor("\(name).\(filter.rawValue).rounded").scalars))
    }

    @Test("Bilinear interpolation matches PyTorch's, which pytorch-fid uses", arguments: ["small", "large"])
    func interpolated(name: String) throws {
        let found = try preparation(Resampling(.bilinear, isAntialiased: false))(try picture(name))
        // PyTorch's weights are Float32.
        #expect((found - (try tensor("\(name).plain"))).absolute().maximum() <= 1e-3)
    }

    @Test("Centre squares and cropped framing match Pillow bit for bit", arguments: ["small", "large"])
    func framed(name: String) throws {
        let picture = try picture(name)
        #expect(try picture.centreSquare(resizedTo: 32) == self.picture("\(name).square"))
        let cropped = try preparation(Resampling(.bicubic, isRounded: true), size: 24, .cropped)(picture)
        #expect(cropped.scalars == (try tensor("\(name).cropped").scalars))
    }

    @Test("Means and deviations are applied per colour")
    func colours() throws {
        let picture = try Picture(width: 1, height: 1, pixels: [10, 20, 30])
        let preparation = PicturePreparation(
            size: 1, resampling: Resampling(.bicubic), means: [1, 2, 3], deviations: [1, 2, 3])
        #expect(try preparation(picture).scalars == [9, 9, 9])
    }
}
