import Tensor

/// Noise z paired with the image y that the teacher generates from it with a deterministic multi-step sampler.
public struct TeacherPairs: Sendable {
    /// z, `[count, height, width, channels]`.
    public let noise: Tensor
    /// y, of the same shape.
    public let pictures: Tensor
    /// Indices of the training prompts, one per pair.
    public let prompts: [Int]
    /// Whether the images of a pair's prompt depend on the noise, one per pair.
    ///
    /// If they do not, any noise forms a pair with that image, and training takes new noise each time; otherwise a
    /// student would memorise the few noise samples. Images count as equal up to 1 % of the variance of all; a single image counts as dependent.
    public let dependsOnNoise: [Bool]

    /// Pairs of noise and images.
    ///
    /// Throws ``DistillationError`` for noise or images of another shape, of another number than the prompts, or that are not finite.
    public init(noise: Tensor, pictures: Tensor, prompts: [Int]) throws {
        try DistillationError.check(samples: noise, count: prompts.count, "TeacherPairs.noise")
        try DistillationError.check(samples: pictures, count: prompts.count, "TeacherPairs.pictures")
        guard noise.shape == pictures.shape else {
            throw DistillationError.unsuitableShape(
                of: "TeacherPairs.pictures", expected: "the noise's \(noise.shape)", found: "\(pictures.shape)")
        }
        (self.noise, self.pictures, self.prompts) = (noise, pictures, prompts)
        dependsOnNoise = Self.dependsOnNoise(pictures, prompts)
    }

    private static func dependsOnNoise(_ pictures: Tensor, _ prompts: [Int]) -> [Bool] {
        let rows = pictures.reshaped(to: [prompts.count, pictures.count / prompts.count])
        let variance = (rows - rows.mean(alongAxes: [0], keepingDimensions: true)).squared().mean()
        let pairs = Dictionary(grouping: prompts.indices) { prompts[$0] }
        let independent = pairs.filter { _, pairs in
            let own = rows.gathered(rows: pairs)
            let distances = (own - own.sliced(axis: 0, 0..<1)).squared().mean(alongAxes: [1])
            return pairs.count > 1 && distances.scalars.allSatisfy { Double($0) <= 0.01 * variance }
        }
        return prompts.map { independent[$0] == nil }
    }

    /// The noise of the pairs with these indices, `[indices, height, width, channels]`: their own, or that of `fresh`, of the same
    /// shape, if the images do not depend on it.
    func noise(_ indices: [Int], orFresh fresh: Tensor) -> Tensor {
        let both = Tensor.concatenate([noise.gathered(rows: indices), fresh], axis: 0)
        return both.gathered(rows: indices.enumerated().map { dependsOnNoise[$1] ? $0 : indices.count + $0 })
    }
}
