import Autograd
import Tensor

/// Guidance away from a text inside the attention to the text (normalized attention guidance, NAG, arXiv 2505.21179): a negative prompt for
/// students of one step, which classifier-free guidance cannot guide, at the cost of a second attention to the text.
///
/// With the attention's outputs Z⁺ of the prompt and Z⁻ of the text to avoid, Z̃ = Z⁺ + (s − 1)(Z⁺ − Z⁻) is scaled down to an L1 norm of at most
/// τ‖Z⁺‖ at each position, and the result is Z⁺ + a(Z̃ − Z⁺).
public struct AttentionGuidance: Sendable, Equatable {
    /// s; 1 means no guidance.
    public var scale: Double
    /// τ, above 0.
    public var threshold: Double
    /// a, from 0, no guidance, to 1.
    public var blend: Double

    /// Guidance with these settings; the defaults are those of ComfyUI's node.
    public init(scale: Double = 5, threshold: Double = 1.5, blend: Double = 0.5) {
        (self.scale, self.threshold, self.blend) = (scale, threshold, blend)
    }

    /// The guided output of the attention, `[batch, positions, channels]`, from those of the prompt and of the text to avoid.
    func guided(_ positive: Variable, awayFrom negative: Variable) -> Variable {
        let extrapolated = positive + (positive - negative) * Float(scale - 1)
        func norm(_ output: Variable) -> Variable { output.absolute().sum(alongAxes: [2], keepingDimensions: true) }
        // Where Z⁺ is 0, so is what is left of Z̃.
        let ratio = norm(extrapolated) / (norm(positive) + 1e-20)
        let limit = Variable(Tensor(Float(threshold)).broadcast(to: ratio.shape))
        let factor = Variable.minimum(ratio, limit) / (ratio + 1e-20)
        return positive + (extrapolated * factor - positive) * Float(blend)
    }

    /// Throws ``ModelError`` for a setting out of range.
    func check(operation: String) throws {
        for (value, argument, range, expected) in [
            (scale, "scale", -100...100, "-100 to 100"), (threshold, "threshold", 1e-6...1e6, "1e-06 to 1e+06"),
            (blend, "blend", 0...1, "0 to 1"),
        ] where !range.contains(value) {
            throw ModelError.invalidArgument(
                operation: operation, argument: argument, expected: expected, found: "\(value)")
        }
    }

    /// The settings by name, as recorded in image files.
    public var record: [String: String] {
        ["attention guidance": "scale \(scale), threshold \(threshold), blend \(blend)"]
    }
}

/// A text that a network's attention avoids.
struct AvoidedText: Sendable {
    /// The embeddings of its tokens, `[1, tokens, width]`.
    let tokens: Variable
    let guidance: AttentionGuidance
}
