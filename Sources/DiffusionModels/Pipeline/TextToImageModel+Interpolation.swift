import Autograd
import Foundation
import Tensor

extension TextToImageModel {
    /// Interpolates from one prompt and seed to another: latents generated in one step, `[count, height, width, channels]`.
    ///
    /// Noise is interpolated spherically, which preserves its norm, and text embeddings linearly, as in SwiftBrush's figures. The first and
    /// the last latents are those of `first` and `last`.
    ///
    /// ```swift
    /// let row = try student.latents(from: ("a red heart", 0), to: ("a red heart", 7), count: 8)
    /// let strip = try Picture.grid(student.pictures(from: row), columns: 8)
    /// ```
    ///
    /// - Parameters:
    ///   - first: the prompt and seed of the first latents.
    ///   - last: the prompt and seed of the last latents.
    ///   - count: the number of images, at least 2.
    ///   - size: the size of the latents; nil means the size that the network was trained on.
    ///
    /// Throws ``ModelError`` for a multi-step model and a count below 2.
    public func latents(
        from first: (prompt: String, seed: UInt64), to last: (prompt: String, seed: UInt64), count: Int,
        size: LatentSize? = nil
    ) throws -> Tensor {
        guard let student else { throw ModelError.notOneStepModel(path: name) }
        guard count >= 2 else {
            throw ModelError.invalidArgument(
                operation: "latents(from:to:count:)", argument: "count", expected: "at least 2", found: "\(count)")
        }
        try checkMemory(count: count, size: size ?? latentSize, operation: "latents(from:to:count:)")
        let text = try conditions(for: [first.prompt, last.prompt])
        let (firstText, lastText) = (text.gathered(rows: [0]), text.gathered(rows: [1]))
        let noise = try [first.seed, last.seed].map { try startingLatents(count: 1, seed: $0, size: size).latents }
        let shares = (0..<count).map { Double($0) / Double(count - 1) }
        return try student.generate(
            from: Variable(.concatenate(shares.map { noise[0].slerp(to: noise[1], by: $0) }, axis: 0)),
            given: .concatenate(shares.map { firstText.interpolated(towards: lastText, by: $0) })
        ).value
    }
}

extension Tensor {
    /// Spherical interpolation of whole tensors: (sin((1 − s)θ) a + sin(sθ) b) / sin θ, where θ is the angle between them; linear
    /// where sin θ is close to 0.
    func slerp(to other: Tensor, by share: Double) -> Tensor {
        require(shape == other.shape, "slerp: expected \(shape), found \(other.shape)")
        let lengths = (squaredNorm() * other.squaredNorm()).squareRoot()
        let cosine = lengths > 0 ? dot(other) / lengths : 1
        let angle = acos(min(max(cosine, -1), 1))
        // Where sin θ vanishes, the formula is 0 / 0.
        guard sin(angle) > 1e-4 else { return self * Float(1 - share) + other * Float(share) }
        return self * Float(sin((1 - share) * angle) / sin(angle)) + other * Float(sin(share * angle) / sin(angle))
    }
}
