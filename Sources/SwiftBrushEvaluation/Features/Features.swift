import Tensor

/// The feature vectors of a picture set, in chunks that can be memory-mapped files; metrics keep a bounded number of vectors in
/// memory.
public struct Features: Sendable {
    /// The length of a feature vector.
    public let width: Int
    /// The number of feature vectors.
    public let count: Int
    private let chunks: [Tensor]
    /// The index of each chunk's first vector.
    private let starts: [Int]

    /// Creates features from chunks in order, each `[samples, width]`.
    ///
    /// Throws ``EvaluationError`` unless there is at least one chunk and all have the same width.
    public init(_ chunks: [Tensor]) throws {
        guard let width = chunks.first?.shape.last, width > 0,
            chunks.allSatisfy({ $0.rank == 2 && $0.shape[1] == width })
        else {
            throw EvaluationError.unsuitableFeatures(
                metric: "Features", expected: "chunks [samples, width] of equal width", found: "\(chunks.map(\.shape))")
        }
        var (starts, count) = ([Int](), 0)
        for chunk in chunks {
            starts.append(count)
            count += chunk.shape[0]
        }
        (self.width, self.count, self.chunks, self.starts) = (width, count, chunks, starts)
    }

    /// These vectors followed by others. Throws ``EvaluationError`` for a different width.
    public func appending(_ others: Features) throws -> Features { try Features(chunks + others.chunks) }

    /// The vectors with the given indices, in this order. Throws ``EvaluationError`` for no indices, and for one that is out of range.
    public func subset(_ rows: [Int]) throws -> Features {
        if let row = rows.first(where: { !(0..<self.count).contains($0) }) {
            throw EvaluationError.unsuitableFeatures(
                metric: "Features.subset", expected: "indices below \(self.count)", found: "\(row)")
        }
        let (size, count) = (512, rows.count)
        return try Features(
            stride(from: 0, to: count, by: size).map { gathered(Array(rows[$0..<min($0 + size, count)])) })
    }

    /// The mean and covariance. Throws ``EvaluationError`` for features that are not finite.
    public func statistics() throws -> FeatureStatistics {
        var statistics = try FeatureStatistics(width: width)
        for chunk in chunks { try statistics.add(chunk) }
        return statistics
    }

    /// The vectors of a range of indices, `[rows, width]`.
    func tensor(_ rows: Range<Int>) -> Tensor {
        let parts = zip(starts, chunks).compactMap { start, chunk -> Tensor? in
            let inside = rows.clamped(to: start..<start + chunk.shape[0])
            return inside.isEmpty ? nil : chunk.sliced(axis: 0, inside.lowerBound - start..<inside.upperBound - start)
        }
        return .concatenate(parts, axis: 0)
    }

    /// The vectors with the given indices, `[rows, width]`.
    private func gathered(_ rows: [Int]) -> Tensor {
        Tensor(doubles(rows).map { Float($0) }, shape: [rows.count, width])
    }

    /// The concatenated vectors with the given indices in Double, minus `origin` if it is given.
    func doubles(_ rows: some Collection<Int>, from origin: [Double]? = nil) -> [Double] {
        var result: [Double] = []
        result.reserveCapacity(rows.count * width)
        var chunk = 0
        for row in rows {
            while row < starts[chunk] { chunk -= 1 }
            while row >= starts[chunk] + chunks[chunk].shape[0] { chunk += 1 }
            let first = (row - starts[chunk]) * width
            chunks[chunk].withUnsafeScalars { result += $0[first..<first + width].lazy.map(Double.init) }
        }
        if let origin {
            for index in result.indices { result[index] -= origin[index % width] }
        }
        return result
    }

    /// Throws ``EvaluationError`` unless both sets have the same width and at least `count` vectors, all finite.
    static func check(_ metric: String, _ first: Features, _ second: Features, atLeast count: Int) throws {
        guard first.width == second.width, min(first.count, second.count) >= count else {
            throw EvaluationError.unsuitableFeatures(
                metric: metric, expected: "at least \(count) feature vectors of the same width in both sets",
                found: "\(first.count) of \(first.width) and \(second.count) of \(second.width)")
        }
        let nonFinite = (first.chunks + second.chunks).reduce(0) { $0 + $1.nonFiniteCount() }
        guard nonFinite == 0 else {
            throw EvaluationError.unsuitableFeatures(
                metric: metric, expected: "finite features", found: "\(nonFinite) non-finite values")
        }
    }
}
