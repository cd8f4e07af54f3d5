import ArgumentParser
import DiffusionModels

// The negative prompt of students, which classifier-free guidance cannot guide.
extension SamplingOptions {
    /// A model that avoids the negative prompt, if it is a student and one is given; otherwise the model itself.
    func guided(_ model: TextToImageModel, _ sampling: PictureSampling) throws -> TextToImageModel {
        if case .steps = sampling {
            if attentionGuidanceScale != nil {
                throw ValidationError("--attention-guidance-scale applies only to students: use --guidance-scale")
            }
            return model
        }
        guard let negativePrompt else { return model }
        return try model.avoiding(negativePrompt, by: attentionGuidance)
    }

    /// The attention guidance of a student.
    private var attentionGuidance: AttentionGuidance {
        var guidance = AttentionGuidance()
        if let attentionGuidanceScale { guidance.scale = attentionGuidanceScale }
        return guidance
    }

    /// The negative prompt of a student as recorded in image files.
    func guidanceRecord(_ sampling: PictureSampling) -> [String: String] {
        guard let negativePrompt, !isMultiStep(sampling) else { return [:] }
        return attentionGuidance.record.merging(["negative prompt": negativePrompt]) { $1 }
    }

    private func isMultiStep(_ sampling: PictureSampling) -> Bool { if case .steps = sampling { true } else { false } }
}
