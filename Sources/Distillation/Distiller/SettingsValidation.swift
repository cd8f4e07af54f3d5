import DiffusionModels

extension DistillationConfiguration {
    func validate(loss: any DistillationLoss, schedule: NoiseSchedule) throws {
        func check(_ isValid: Bool, _ name: String, _ expected: String, _ found: Any) throws {
            if isValid { return }
            throw DistillationError.invalidSetting(name: name, expected: expected, found: "\(found)")
        }
        let (count, training) = (schedule.timestepCount, fakeScoreTraining)
        func isInside(_ range: Range<Int>) -> Bool {
            !range.isEmpty && 0 <= range.lowerBound && range.upperBound <= count
        }
        func isRate(_ rate: Double) -> Bool { rate.isFinite && rate >= 0 }
        let timesteps = "a range of timesteps within 0..<\(count)"
        try check(batchSize > 0, "batchSize", "at least 1", batchSize)
        try check(isRate(studentLearningRate), "studentLearningRate", "a finite number from 0", studentLearningRate)
        try check(
            isRate(fakeScoreLearningRate), "fakeScoreLearningRate", "a finite number from 0", fakeScoreLearningRate)
        try check(gradientNormLimit > 0, "gradientNormLimit", "a positive number", gradientNormLimit)
        try check(adapterRank > 0, "adapterRank", "at least 1", adapterRank)
        try check((0..<count).contains(studentTimestep), "studentTimestep", "0 to \(count - 1)", studentTimestep)
        try check(
            studentCumulativeAlpha > 0 && studentCumulativeAlpha <= 1, "studentCumulativeAlpha",
            "a number above 0 and at most 1", studentCumulativeAlpha)
        try check((0...1).contains(averageDecay), "averageDecay", "a number from 0 to 1", averageDecay)
        try check((0...1).contains(training.nullPromptRate), "nullPromptRate", "0 to 1", training.nullPromptRate)
        try check(
            isRate(training.discriminatorWeight), "discriminatorWeight", "a finite number from 0",
            training.discriminatorWeight)
        try check(
            training.guidanceScale.isFinite, "fakeScoreTraining.guidanceScale", "a finite number",
            training.guidanceScale)
        try check(training.stepsPerStudentStep >= 0, "stepsPerStudentStep", "at least 0", training.stepsPerStudentStep)
        try check(fakeScoreHeadStart >= 0, "fakeScoreHeadStart", "at least 0", fakeScoreHeadStart)
        try check(isInside(training.timesteps), "fakeScoreTraining.timesteps", timesteps, training.timesteps)
        try check(isInside(loss.timesteps), "loss.timesteps", timesteps, loss.timesteps)
    }

    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` when a student cannot start from a model.
    func check(_ start: TextToImageModel, against teacher: TextToImageModel) throws {
        guard start.unet.configuration == teacher.unet.configuration else {
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
    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` for what a loss needs and is not here or does not fit.
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
