import Foundation
import Testing

@testable import Distillation

@Suite("Warm-up of the learning rates")
struct WarmUpTests {
    @Test("Each network's learning rate rises from 0 at its own first update, under the schedule of both")
    func rates() {
        var settings = DistillationConfiguration()
        (settings.studentLearningRate, settings.fakeScoreLearningRate) = (1e-6, 1e-3)
        (settings.fakeScoreWarmUpSteps, settings.learningRateSchedule) = (10, .cosine(total: 40))
        (settings.studentLearningRateWarmUp, settings.fakeScoreLearningRateWarmUp) = (4, 20)
        for (step, student, fakeScore) in [(0, 0.0, 0.0), (10, 0, 0.5), (12, 0.5, 0.6), (14, 1, 0.7), (30, 1, 1)] {
            let rates = settings.learningRates(at: step)
            let factor = 0.5 * (1 + cos(Double.pi * Double(step) / 40))
            #expect(abs(rates.student - 1e-6 * student * factor) < 1e-18, "step \(step)")
            #expect(abs(rates.fakeScore - 1e-3 * fakeScore * factor) < 1e-15, "step \(step)")
        }
        (settings.studentLearningRateWarmUp, settings.fakeScoreLearningRateWarmUp) = (nil, nil)
        #expect(settings.learningRates(at: 0) == (1e-6, 1e-3))
    }

    @Test("In the first step of its warm-up a network stays as it is")
    func firstStep() throws {
        let distiller = try ReferenceRun.distiller(ScoreDistillationSampling()) { $0.studentLearningRateWarmUp = 2 }
        let before = distiller.student.parameters.all.map(\.value.scalars)
        try distiller.step()
        #expect(distiller.student.parameters.all.map(\.value.scalars) == before)
        try distiller.step()
        #expect(distiller.student.parameters.all.map(\.value.scalars) != before)
    }

    @Test("Settings of earlier versions are read, and new ones that are not set are not written")
    func recorded() throws {
        let data = try JSONEncoder().encode(DistillationConfiguration())
        let text = String(decoding: data, as: UTF8.self)
        for name in ["LearningRateWarmUp", "lagInterval", "fakeScoreAlignment"] { #expect(!text.contains(name)) }
        #expect(try JSONDecoder().decode(DistillationConfiguration.self, from: data) == DistillationConfiguration())
    }
}
