import Tensor

/// Noise z, and the picture y that the teacher makes of it by a deterministic sampler of several steps.
public struct TeacherPairs: Sendable {
    /// z, `[count, height, width, channels]`.
    public let noise: Tensor
    /// y, of the same shape.
    public let pictures: Tensor
    /// Which of the training set's prompts, one a pair.
    public let prompts: [Int]
    /// Whether the pictures of a pair's prompt differ with the noise, one a pair.
    ///
    /// Where they do not, any noise with that picture is a pair, and training takes new noise each time: from a few noises a
    /// student learns the answers by heart. Pictures are the same up to 1 % of the variance of all; one alone counts as different.
    public let followsNoise: [Bool]

    /// Pairs of these parts.
    public init(noise: Tensor, pictures: Tensor, prompts: [Int]) {
        precondition(
            noise.rank == 4 && noise.shape == pictures.shape && noise.shape[0] == prompts.count && !prompts.isEmpty,
            "TeacherPairs: expected equal shapes [\(prompts.count), height, width, channels], found \(noise.shape) and "
                + "\(pictures.shape)")
        (self.noise, self.pictures, self.prompts) = (noise, pictures, prompts)
        followsNoise = Self.followsNoise(pictures, prompts)
    }

    private static func followsNoise(_ pictures: Tensor, _ prompts: [Int]) -> [Bool] {
        let rows = pictures.reshaped(to: [prompts.count, pictures.count / prompts.count])
        let variance = (rows - rows.mean(alongAxes: [0], keepingDimensions: true)).squared().mean()
        let pairs = Dictionary(grouping: prompts.indices) { prompts[$0] }
        let indifferent = pairs.filter { _, pairs in
            let own = rows.gathered(rows: pairs)
            let distances = (own - own.sliced(axis: 0, 0..<1)).squared().mean(alongAxes: [1])
            return pairs.count > 1 && distances.scalars.allSatisfy { Double($0) <= 0.01 * variance }
        }
        return prompts.map { indifferent[$0] == nil }
    }

    /// The noise of some pairs, `[indices, height, width, channels]`: their own, or `fresh`, of that shape, where the pictures
    /// do not follow it.
    func noise(_ indices: [Int], orFresh fresh: Tensor) -> Tensor {
        let both = Tensor.concatenate([noise.gathered(rows: indices), fresh], axis: 0)
        return both.gathered(rows: indices.enumerated().map { followsNoise[$1] ? $0 : indices.count + $0 })
    }
}
