import Distillation
import Testing

@Suite("Published losses")
struct PublishedLossTests {
    @Test("A guidance scale applies to the teacher, and to the fake score if the publication guides it")
    func guidance() {
        for published in PublishedLoss.allCases {
            guard let plain = published.loss(guidanceScale: 1), let guided = published.loss(guidanceScale: 3) else {
                #expect([.regression, .pgSB, .lcm].contains(published))
                continue
            }
            #expect(!plain.needs.contains(.unconditionalTeacher), "\(published)")
            #expect(guided.needs.contains(.unconditionalTeacher), "\(published)")
            let guidesBoth = [.vsd, .swiftBrushV2, .sid, .sidLSG].contains(published)
            #expect(guided.needs.contains(.unconditionalFakeScore) == guidesBoth, "\(published)")
        }
    }

    @Test(
        "The settings for a published loss train its fake score as the publication does",
        arguments: PublishedLoss.allCases)
    func settings(published: PublishedLoss) {
        let settings = DistillationConfiguration(for: published.loss)
        // DMD alone can be the first publication's loss or the second's; the table lists the second's.
        let expected = published == .dmd ? .plain : published.fakeScoreTraining(for: published.loss)
        #expect(settings.fakeScoreTraining == expected)
    }

    @Test("SiD-LSG's fake score is trained with the guidance scale of the loss")
    func fakeScoreTraining() throws {
        let loss = try #require(PublishedLoss.sidLSG.loss(guidanceScale: 3))
        #expect(PublishedLoss.sidLSG.fakeScoreTraining(for: loss).guidanceScale == 3)
    }

    @Test("A setting reaches the loss, or is refused by name if the loss has none")
    func adjusted() throws {
        var settings = LossSettings(guidanceScale: 4.5)
        (settings.fakeScoreGuidanceScale, settings.timesteps) = (2, 20..<400)
        (settings.guidanceTimesteps, settings.weight) = (500..<981, .one)
        let loss = try #require(try PublishedLoss.vsd.loss(settings) as? VariationalScoreDistillation)
        #expect(loss.teacherGuidanceScale == 4.5 && loss.fakeScoreGuidanceScale == 2)
        #expect(loss.timesteps == 20..<400 && loss.guidanceTimesteps == 500..<981 && loss.weight == .one)
        #expect(try PublishedLoss.swiftBrushV2.loss(settings).guidanceTimesteps == 500..<981)
        let expected = DistillationError.invalidSetting(
            name: "loss.guidanceTimesteps", expected: "none for distribution-matching-distillation", found: "500..<981")
        settings.fakeScoreGuidanceScale = nil
        #expect(throws: expected) { try PublishedLoss.dmd.loss(settings) }
    }

    @Test("Settings of a run without decoupled guidance are recorded as before it existed")
    func recorded() throws {
        let saved = try SavedLoss(VariationalScoreDistillation())
        #expect(
            saved.settings
                == #"{"fakeScoreGuidanceScale":4.5,"teacherGuidanceScale":4.5,"timesteps":[20,981],"weight":"noise"}"#)
        #expect(try saved.loss() as? VariationalScoreDistillation == VariationalScoreDistillation())
    }
}
