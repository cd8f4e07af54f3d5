import Autograd
import Tensor

/// Guidance away from a text inside the attention to the text: a negative prompt for students of one step, which classifier-free guidance cannot
/// guide, at the cost of a second attention to the text.
///
/// The attention's outputs are Z⁺ for the prompt and Z⁻ for the text to avoid.
public enum AttentionGuidance: Sendable, Equatable {
    /// Normalized attention guidance (NAG, arXiv 2505.21179): Z̃ = Z⁺ + (s − 1)(Z⁺ − Z⁻) is scaled down to an L1 norm of at most τ‖Z⁺‖ at each
    /// position, and the result is Z⁺ + a(Z̃ − Z⁺).
    ///
    /// The scale s is 1 for no guidance, the threshold τ is above 0, and the blend a is from 0, no guidance, to 1. The defaults are those of ComfyUI's node.
    case normalized(scale: Double = 5, threshold: Double = 1.5, blend: Double = 0.5)
    /// Negative-away steer attention (NASA of SNOOPI, arXiv 2412.02687): Z⁺ − s Z⁻. The scale s is 0 for no guidance; the paper's values are
    /// about 0.2.
    case subtracted(scale: Double = 0.2)

    /// The guided output of the attention, `[batch, positions, channels]`, from those of the prompt and of the text to avoid.
    func guided(_ positive: Variable, awayFrom negative: Variable) -> Variable {
        switch self {
        case .normalized(let scale, let threshold, let blend):
            let extrapolated = positive + (positive - negative) * Float(scale - 1)
            func norm(_ output: Variable) -> Variable {
                output.absolute().sum(alongAxes: [2], keepingDimensions: true)
            }
            // Where Z⁺ is 0, so is what is left of Z̃.
            let ratio = norm(extrapolated) / (norm(positive) + 1e-20)
            let limit = Variable(Tensor(Float(threshold)).broadcast(to: ratio.shape))
            let factor = Variable.minimum(ratio, limit) / (ratio + 1e-20)
            return positive + (extrapolated * factor - positive) * Float(blend)
        case .subtracted(let scale): return positive - negative * Float(scale)
        }
    }

    /// Throws ``ModelError`` for a setting out of range.
    func check(operation: String) throws {
        func check(_ value: Double, _ argument: String, _ range: ClosedRange<Double>, _ expected: String) throws {
            guard !range.contains(value) else { return }
            throw ModelError.invalidArgument(
                operation: operation, argument: argument, expected: expected, found: "\(value)")
        }
        switch self {
        case .normalized(let scale, let threshold, let blend):
            try check(scale, "scale", -100...100, "-100 to 100")
            try check(threshold, "threshold", 1e-6...1e6, "1e-06 to 1e+06")
            try check(blend, "blend", 0...1, "0 to 1")
        case .subtracted(let scale): try check(scale, "scale", -100...100, "-100 to 100")
        }
    }

    /// The settings by name, as recorded in image files.
    public var record: [String: String] {
        let settings =
            switch self {
            case .normalized(let scale, let threshold, let blend):
                "normalized, scale \(scale), threshold \(threshold), blend \(blend)"
            case .subtracted(let scale): "subtracted, scale \(scale)"
            }
        return ["attention guidance": settings]
    }
}

/// A text that a network's attention avoids.
struct AvoidedText: Sendable {
    /// The embeddings of its tokens, `[1, tokens, width]`.
    let tokens: Variable
    let guidance: AttentionGuidance
}
