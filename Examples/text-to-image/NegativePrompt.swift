import ArgumentParser
import DiffusionModels

// The negative prompt of students, which classifier-free guidance cannot guide.
extension SamplingOptions {
    /// A model that avoids the negative prompt, if it is a student and one is given; otherwise the model itself.
    func guided(_ model: TextToImageModel, _ sampling: PictureSampling) throws -> TextToImageModel {
        if case .steps = sampling {
            if steps == nil, negativePrompt != nil {
                throw ValidationError(
                    "--negative-prompt needs --steps and --guidance-scale: the model is sampled in several steps")
            }
            if attentionGuidance != nil || attentionGuidanceScale != nil {
                throw ValidationError(
                    "--attention-guidance and --attention-guidance-scale apply only to students: use --guidance-scale")
            }
            return model
        }
        guard let negativePrompt else { return model }
        return try model.avoiding(negativePrompt, by: guidance)
    }

    /// The attention guidance of a student.
    private var guidance: AttentionGuidance {
        switch (attentionGuidance ?? .normalized, attentionGuidanceScale) {
        case (.normalized, let scale?): .normalized(scale: scale)
        case (.normalized, nil): .normalized()
        case (.subtracted, let scale?): .subtracted(scale: scale)
        case (.subtracted, nil): .subtracted()
        }
    }

    /// The negative prompt of a student as recorded in image files.
    func guidanceRecord(_ sampling: PictureSampling) -> [String: String] {
        guard let negativePrompt, !isMultiStep(sampling) else { return [:] }
        return guidance.record.merging(["negative prompt": negativePrompt]) { $1 }
    }

    /// The kinds of ``AttentionGuidance``.
    enum AttentionGuidanceKind: String, ExpressibleByArgument, CaseIterable {
        case normalized, subtracted
    }

    private func isMultiStep(_ sampling: PictureSampling) -> Bool { if case .steps = sampling { true } else { false } }
}
