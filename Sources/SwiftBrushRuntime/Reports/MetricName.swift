import Foundation

/// The title of a metric's chart, in words, and its unit.
struct MetricName: Equatable {
    let title: String
    let unit: String
    /// The range of healthy runs, as the article "When a run goes wrong" of `Distillation` has it; nil if it depends on the data.
    var healthy: ClosedRange<Double>?

    /// The metrics whose names alone do not say what they are.
    private static let known: [String: (title: String, unit: String)] = [
        "studentLoss": ("Student's loss, ½ mean g²", ""),
        "fakeScoreLoss": ("Fake score's loss", "squared error of ε"),
        "studentGradientNorm": ("Norm of the student's gradient", "before clipping"),
        "fakeScoreGradientNorm": ("Norm of the fake score's gradient", "before clipping"),
        "fakeScoreErrors": ("Fake score's error on newest and on older samples", "squared error of ε"),
        "discriminatorLoss": ("Discriminator's loss", ""),
        "x0Mean": ("Mean of the student's samples", "latents"),
        "x0Deviation": ("Standard deviation of the student's samples", "latents"),
        "gradientNorm": ("Norm of the gradient", "before clipping"),
        "priorLoss": ("Loss on the prior", ""),
        "epsilonLoss": ("Error of the predicted noise", "squared error of ε"),
        "originalError": ("Error of the predicted image", "squared error of x₀"),
        "peakSignalToNoise": ("Reconstructions' peak signal-to-noise ratio", "dB"),
        "seconds": ("Time of a step", "s"),
        "trainOwnText": ("Error of x₀ on training images, own text", "squared error of x₀"),
        "trainOtherText": ("Error of x₀ on training images, another's text", "squared error of x₀"),
        "heldOutOwnText": ("Error of x₀ on held-out images, own text", "squared error of x₀"),
        "heldOutOtherText": ("Error of x₀ on held-out images, another's text", "squared error of x₀"),
        "diagnostics": ("The loss's own values", ""),
    ]

    /// Latents are scaled to a standard deviation of 1.
    private static let healthyRanges: [String: ClosedRange<Double>] = ["x0Mean": -0.2...0.2, "x0Deviation": 0.9...1.2]

    /// The name of a field of a metrics file: a known one, or its words.
    init(field: String) {
        healthy = Self.healthyRanges[field]
        if let known = Self.known[field] {
            (title, unit) = known
            return
        }
        var words = ""
        for character in field {
            let begins = character.isUppercase && words.last?.isLowercase == true
            words += begins ? " \(character.lowercased())" : "\(character)"
        }
        (title, unit) = (words.prefix(1).uppercased() + words.dropFirst(), "")
    }
}
