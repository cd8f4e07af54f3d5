/// How pictures are made of noise.
public enum PictureSampling: Sendable, Equatable {
    /// In one step, by a one-step student.
    case oneStep
    /// In several, by a multi-step model; see ``TextToImageModel/samples(for:steps:guidanceScale:seed:negativePrompt:method:start:embeddings:)``.
    case steps(Int, guidanceScale: Double, negativePrompt: String = "", method: SamplingMethod = .ddim())

    /// The settings by name, as the files of pictures record them.
    public func record(on schedule: NoiseSchedule) -> [String: String] {
        guard case .steps(let steps, let guidanceScale, let negativePrompt, let method) = self else {
            return ["steps": "1"]
        }
        var record = ["steps": "\(steps)", "guidance scale": "\(guidanceScale)", "method": method.name]
        record["timestep spacing"] = schedule.configuration.timestepSpacing.rawValue
        record["negative prompt"] = negativePrompt.isEmpty ? nil : negativePrompt
        return record
    }
}
