import DiffusionModels
import Distillation
import Foundation
import SwiftBrushTestFixtures
import Testing

@Suite("Weights of timesteps")
struct TimestepWeightTests {
    @Test(
        "The balanced weight has mean 1, counts an error of x₀ as much as one of epsilon, and is limited to 30 times the least"
    )
    func balanced() throws {
        let schedule = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher")
        ).schedule
        let weights = (0..<1000).map { TimestepWeight.balanced($0, in: schedule) }
        #expect(abs(weights.reduce(0, +) / 1000 - 1) < 1e-12)
        // 1 + σ²/α² = 1/α² is 30 at α² = 1/30; the timesteps above have the same weight.
        #expect(
            weights[999] == weights[980] && abs(weights[999] / weights[0] - 30 * schedule.cumulativeAlphas[0]) < 1e-9)
        let ratio = schedule.cumulativeAlphas[600] / schedule.cumulativeAlphas[200]
        #expect(abs(weights[200] / weights[600] - ratio) < 1e-12)
    }
}
