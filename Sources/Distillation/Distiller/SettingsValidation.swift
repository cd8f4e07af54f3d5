import Autograd
import DiffusionModels

extension DistillationConfiguration {
    /// Checks all settings that do not depend on the teacher. Throws ``DistillationError/invalidSetting(name:expected:found:)`` for the
    /// first one that is out of range.
    public func validate() throws {
        let training = fakeScoreTraining
        let rates = [
            ("studentLearningRate", studentLearningRate), ("fakeScoreLearningRate", fakeScoreLearningRate),
            ("weightDecay", weightDecay), ("averageDecay", averageDecay), ("nullPromptRate", training.nullPromptRate),
        ]
        for (name, rate) in rates { try check((0...1).contains(rate), name, "a number from 0 to 1", rate) }
        if let kept = fakeScoreAlignment {
            try check((0...1).contains(kept), "fakeScoreAlignment", "a number from 0 to 1", kept)
        }
        for (name, decay) in [("firstMomentDecay", firstMomentDecay), ("secondMomentDecay", secondMomentDecay)] {
            try check((0..<1).contains(decay), name, "a number from 0 to below 1", decay)
        }
        try check(
            Float(adamEpsilon) > 0 && adamEpsilon <= 1, "adamEpsilon", "a number above 0 and at most 1", adamEpsilon)
        let (warmUp, total) = (learningRateSchedule.warmUpSteps, learningRateSchedule.totalSteps ?? 1)
        try check(warmUp >= 0, "learningRateSchedule.warmUp", "at least 0", warmUp)
        try check(total >= 1, "learningRateSchedule.total", "at least 1", total)
        let counts = [
            ("batchSize", batchSize, 1...4096),
            ("accumulatedParts", accumulatedParts, 1...max(1, min(batchSize, 4096))),
            ("adapterRank", adapterRank, 1...4096),
            ("fakeScoreWarmUpSteps", fakeScoreWarmUpSteps, 0...1_000_000_000),
            ("lagInterval", lagInterval ?? 1, 1...1_000_000_000),
            ("studentLearningRateWarmUp", studentLearningRateWarmUp ?? 0, 0...1_000_000_000),
            ("fakeScoreLearningRateWarmUp", fakeScoreLearningRateWarmUp ?? 0, 0...1_000_000_000),
            ("updatesPerStudentUpdate", training.updatesPerStudentUpdate, 0...1000),
            ("studentStepCount", studentStepCount, 1...1000),
            ("studentAdapters.rank", studentAdapters?.rank ?? 1, 1...4096),
        ]
        for (name, count, range) in counts {
            try check(range.contains(count), name, "\(range.lowerBound) to \(range.upperBound)", count)
        }
        try check(gradientNormLimit > 0, "gradientNormLimit", "a positive number", gradientNormLimit)
        for (name, alpha) in [("adapterAlpha", adapterAlpha), ("studentAdapters.alpha", studentAdapters?.alpha ?? 1)] {
            try check(Float(alpha).isFinite, name, "a finite number", alpha)
        }
        try check(
            OneStepConfiguration.cumulativeAlphas.contains(studentCumulativeAlpha), "studentCumulativeAlpha",
            "a number from \(OneStepConfiguration.cumulativeAlphas.lowerBound) to 1", studentCumulativeAlpha)
        let sigmas = OneStepConfiguration.sigmas
        try check(
            studentSigma.map(sigmas.contains) ?? true, "studentSigma",
            "a number from \(sigmas.lowerBound) to 1", studentSigma ?? 0)
        try check(
            training.discriminatorWeight.isFinite && training.discriminatorWeight >= 0, "discriminatorWeight",
            "a finite number from 0", training.discriminatorWeight)
        let scales = SamplingSettings.guidanceScales
        try check(
            scales.contains(training.guidanceScale), "fakeScoreTraining.guidanceScale",
            "\(scales.lowerBound) to \(scales.upperBound)", training.guidanceScale)
    }

    private func check(_ isValid: Bool, _ name: String, _ expected: String, _ found: Any) throws {
        if isValid { return }
        throw DistillationError.invalidSetting(name: name, expected: expected, found: "\(found)")
    }

    func validate(loss: any DistillationLoss, schedule: NoiseSchedule) throws {
        try validate()
        try loss.check(on: schedule)
        let count = schedule.timestepCount
        try check((0..<count).contains(studentTimestep), "studentTimestep", "0 to \(count - 1)", studentTimestep)
        let prediction = schedule.predictionType
        try check(
            studentPrediction != .flow || schedule.isFlowMatching, "studentPrediction",
            "epsilon, sample or v_prediction with this teacher, which is not of flow matching",
            PredictionType.flow.rawValue)
        try check(
            studentAdapters == nil || studentPrediction ?? prediction == prediction, "studentPrediction",
            "the teacher's, \(prediction), for a student of adapters, whose file is merged into the teacher",
            studentPrediction ?? prediction)
        try schedule.check(fakeScoreTraining.timesteps, "fakeScoreTraining.timesteps")
        try check(sigma: studentSigma, "studentSigma", on: schedule)
    }

    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` for a σ with a schedule that keeps the variance, and for none in flow
    /// matching.
    private func check(sigma: Double?, _ name: String, on schedule: NoiseSchedule) throws {
        try check(
            schedule.isFlowMatching == (sigma != nil), name,
            schedule.isFlowMatching
                ? "that of the teacher's flow matching: setStudentTimestep(_:on:) sets it"
                : "none with this teacher, which is not of flow matching",
            sigma.map { "\($0)" } ?? "none")
    }

    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` for a student of another number of steps, and for a step without
    /// timesteps at which the loss and the fake score can be evaluated.
    func check(_ steps: OneStepConfiguration, _ loss: any DistillationLoss, on schedule: NoiseSchedule) throws {
        for step in steps.steps { try check(sigma: step.sigma, "student.step.sigma", on: schedule) }
        try check(
            steps.steps.count == studentStepCount, "student.step",
            "a student of studentStepCount, \(studentStepCount), steps", steps.steps.count)
        guard matchesSegments else { return }
        for (name, range) in [
            ("loss.timesteps", loss.timesteps), ("fakeScoreTraining.timesteps", fakeScoreTraining.timesteps),
        ] {
            for index in steps.steps.indices {
                try check(
                    !steps.segment(of: index, within: range).isEmpty, name,
                    "timesteps in the segment of each of the student's steps, since matchesSegments is set", range)
            }
        }
    }

    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` for a fake score that is to be aligned with a student of another
    /// architecture.
    func checkAlignment(of fakeScore: FakeScore, with student: ParameterSet, teacher: ParameterSet) throws {
        guard fakeScoreAlignment != nil else { return }
        let counterpart = fakeScore.adapters == nil ? fakeScore.parameters : teacher
        try check(
            counterpart.hasShapes(of: student), "fakeScoreAlignment",
            "a student with the parameters of the fake score's network", "others")
    }

    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` when a student cannot be initialised from a model.
    func check(_ start: TextToImageModel, against teacher: TextToImageModel) throws {
        guard start.network.hasArchitecture(of: teacher.network) else {
            throw DistillationError.invalidSetting(
                name: "start", expected: "the teacher's architecture", found: "another")
        }
        if let step = start.oneStep?.steps[0], try step != studentStep {
            throw DistillationError.invalidSetting(
                name: "start",
                expected: "a student at \(try studentStep.levels)", found: "one at \(step.levels)")
        }
    }
}

extension DistillationResources {
    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` for resources of a loss that are
    /// missing or do not fit.
    func validate(for loss: any DistillationLoss, latentShape: [Int], promptCount: Int) throws {
        let missing = missing(from: loss.needs)
        guard missing.isEmpty else {
            throw DistillationError.invalidSetting(
                name: "resources",
                expected: "\(missing.joined(separator: " and ")), which \(type(of: loss).name) needs",
                found: "none")
        }
        let data = [
            ("realLatents", realLatents?.latents.shape, realLatents?.prompts),
            ("pairs", pairs?.noise.shape, pairs?.prompts),
        ]
        for case (let name, let shape?, let prompts?) in data {
            guard Array(shape.dropFirst()) == latentShape else {
                throw DistillationError.invalidSetting(
                    name: "resources.\(name)", expected: "latents of \(latentShape)", found: "\(shape.dropFirst())")
            }
            guard prompts.allSatisfy((0..<promptCount).contains) else {
                throw DistillationError.invalidSetting(
                    name: "resources.\(name)", expected: "prompts within 0..<\(promptCount)", found: "\(prompts)")
            }
        }
    }
}

extension NoiseSchedule {
    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` for a range that is empty or outside the schedule.
    fileprivate func check(_ timesteps: Range<Int>, _ name: String) throws {
        guard !timesteps.isEmpty, timesteps.lowerBound >= 0, timesteps.upperBound <= timestepCount else {
            throw DistillationError.invalidSetting(
                name: name, expected: "a range of timesteps within 0..<\(timestepCount)", found: "\(timesteps)")
        }
    }
}

extension DistillationLoss {
    /// Checks the loss's settings, and its timesteps on a schedule. Throws ``DistillationError``.
    package func check(on schedule: NoiseSchedule) throws {
        try check()
        try schedule.check(timesteps, "loss.timesteps")
        if let guidanceTimesteps { try schedule.check(guidanceTimesteps, "loss.guidanceTimesteps") }
    }

    /// The range of a term's weight.
    static var weights: ClosedRange<Double> { -1e6...1e6 }

    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` for a setting of the loss outside a range.
    static func check(_ value: Double, _ setting: String, in range: ClosedRange<Double>) throws {
        guard range.contains(value) else {
            throw DistillationError.invalidSetting(
                name: "\(name).\(setting)", expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)")
        }
    }
}
