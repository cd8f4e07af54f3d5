import DiffusionModels

extension DistillationConfiguration {
    /// Checks all settings that do not depend on the teacher. Throws ``DistillationError/invalidSetting(name:expected:found:)`` for the
    /// first one that is out of range.
    public func validate() throws {
        let training = fakeScoreTraining
        let rates = [
            ("studentLearningRate", studentLearningRate), ("fakeScoreLearningRate", fakeScoreLearningRate),
            ("adamEpsilon", adamEpsilon), ("weightDecay", weightDecay), ("firstMomentDecay", firstMomentDecay),
            ("secondMomentDecay", secondMomentDecay), ("averageDecay", averageDecay),
            ("nullPromptRate", training.nullPromptRate),
        ]
        for (name, rate) in rates { try check((0...1).contains(rate), name, "a number from 0 to 1", rate) }
        let counts = [
            ("batchSize", batchSize, 1...4096), ("adapterRank", adapterRank, 1...4096),
            ("fakeScoreWarmUpSteps", fakeScoreWarmUpSteps, 0...1_000_000_000),
            ("updatesPerStudentUpdate", training.updatesPerStudentUpdate, 0...1000),
        ]
        for (name, count, range) in counts {
            try check(range.contains(count), name, "\(range.lowerBound) to \(range.upperBound)", count)
        }
        try check(gradientNormLimit > 0, "gradientNormLimit", "a positive number", gradientNormLimit)
        try check(adapterAlpha.isFinite, "adapterAlpha", "a finite number", adapterAlpha)
        try check(
            studentCumulativeAlpha > 0 && studentCumulativeAlpha <= 1, "studentCumulativeAlpha",
            "a number above 0 and at most 1", studentCumulativeAlpha)
        try check(
            training.discriminatorWeight.isFinite && training.discriminatorWeight >= 0, "discriminatorWeight",
            "a finite number from 0", training.discriminatorWeight)
        try check(
            training.guidanceScale.isFinite, "fakeScoreTraining.guidanceScale", "a finite number",
            training.guidanceScale)
    }

    private func check(_ isValid: Bool, _ name: String, _ expected: String, _ found: Any) throws {
        if isValid { return }
        throw DistillationError.invalidSetting(name: name, expected: expected, found: "\(found)")
    }

    func validate(loss: any DistillationLoss, schedule: NoiseSchedule) throws {
        try validate()
        let (count, training) = (schedule.timestepCount, fakeScoreTraining)
        func isInside(_ range: Range<Int>) -> Bool {
            !range.isEmpty && 0 <= range.lowerBound && range.upperBound <= count
        }
        let timesteps = "a range of timesteps within 0..<\(count)"
        try check((0..<count).contains(studentTimestep), "studentTimestep", "0 to \(count - 1)", studentTimestep)
        try check(isInside(training.timesteps), "fakeScoreTraining.timesteps", timesteps, training.timesteps)
        try check(isInside(loss.timesteps), "loss.timesteps", timesteps, loss.timesteps)
    }

    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` when a student cannot be initialised from a model.
    func check(_ start: TextToImageModel, against teacher: TextToImageModel) throws {
        guard start.network.hasArchitecture(of: teacher.network) else {
            throw DistillationError.invalidSetting(
                name: "start", expected: "the teacher's architecture", found: "another")
        }
        if let step = start.oneStep, step != studentStep {
            throw DistillationError.invalidSetting(
                name: "start",
                expected: "a student at timestep \(studentTimestep), alpha-bar \(studentCumulativeAlpha)",
                found: "one at timestep \(step.timestep), alpha-bar \(step.cumulativeAlpha)")
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
