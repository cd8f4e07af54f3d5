/// Settings of a published loss that the options of a command change; nil for the publication's.
package struct LossSettings: Codable, Sendable, Equatable {
    /// κ of the teacher, and of the fake score if the publication guides both.
    package var guidanceScale: Double?
    /// κ of the fake score.
    package var fakeScoreGuidanceScale: Double?
    /// The range from which timesteps are sampled.
    package var timesteps: Range<Int>?
    /// The range of the timesteps of a guidance term of its own.
    package var guidanceTimesteps: Range<Int>?
    /// ω.
    package var weight: TimestepWeight?
    /// Whether the first of several steps learns the teacher's images by regression: ``FirstStepRegression``.
    package var regressesFirstStep: Bool?

    /// The number of steps after which λ of a clamped alignment loss is 0.
    package var alignmentDecaySteps: Int?

    /// Settings, by default the publication's.
    package init(guidanceScale: Double? = nil) { self.guidanceScale = guidanceScale }

    /// Moves a setting, if there is one, to a property of a loss.
    mutating func take<Value>(_ setting: WritableKeyPath<LossSettings, Value?>, for property: inout Value) {
        guard let value = self[keyPath: setting] else { return }
        (property, self[keyPath: setting]) = (value, nil)
    }

    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` for a setting that a loss has not taken.
    func checkTaken(by loss: String) throws {
        let left: [(name: String, value: Any?)] = [
            ("guidanceScale", guidanceScale), ("fakeScoreGuidanceScale", fakeScoreGuidanceScale),
            ("loss.timesteps", timesteps), ("loss.guidanceTimesteps", guidanceTimesteps), ("loss.weight", weight),
            ("loss.alignmentDecaySteps", alignmentDecaySteps),
            ("loss.regressesFirstStep", regressesFirstStep),
        ]
        for case (let name, let value?) in left {
            throw DistillationError.invalidSetting(name: name, expected: "none for \(loss)", found: "\(value)")
        }
    }
}
