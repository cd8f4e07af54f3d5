import Tensor

/// The feature vectors of a picture set, in chunks that may lie in mapped files: however many there are, metrics hold a
/// bounded number of them in memory.
public struct Features: Sendable {
    /// The length of a feature vector.
    public let width: Int
    /// How many feature vectors there are.
    public let count: Int
    private let chunks: [Tensor]
    /// Where each chunk begins.
    private let starts: [Int]

    /// Features in order, each chunk `[samples, width]`.
    ///
    /// Throws ``EvaluationError`` unless there is at least one chunk and all have one width.
    public init(_ chunks: [Tensor]) throws {
        guard let width = chunks.first?.shape.last, width > 0,
            chunks.allSatisfy({ $0.rank == 2 && $0.shape[1] == width })
        else {
            throw EvaluationError.unsuitableFeatures(
                metric: "Features", expected: "chunks [samples, width] of one width", found: "\(chunks.map(\.shape))")
        }
        var (starts, count) = ([Int](), 0)
        for chunk in chunks {
            starts.append(count)
            count += chunk.shape[0]
        }
        (self.width, self.count, self.chunks, self.starts) = (width, count, chunks, starts)
    }

    /// These vectors and then others. Throws ``EvaluationError`` for another width.
    public func appending(_ others: Features) throws -> Features { try Features(chunks + others.chunks) }

    /// The vectors of these numbers alone, in this order. Throws ``EvaluationError`` for none.
    public func subset(_ rows: [Int]) throws -> Features {
        let (size, count) = (512, rows.count)
        return try Features(
            stride(from: 0, to: count, by: size).map { gathered(Array(rows[$0..<min($0 + size, count)])) })
    }

    /// Mean and covariance. Throws ``EvaluationError`` for features that are not finite.
    public func statistics() throws -> FeatureStatistics {
        var statistics = FeatureStatistics(width: width)
        for chunk in chunks { try statistics.add(chunk) }
        return statistics
    }

    /// Some vectors in a row, `[rows, width]`.
    func tensor(_ rows: Range<Int>) -> Tensor {
        let parts = zip(starts, chunks).compactMap { start, chunk -> Tensor? in
            let inside = rows.clamped(to: start..<start + chunk.shape[0])
            return inside.isEmpty ? nil : chunk.sliced(axis: 0, inside.lowerBound - start..<inside.upperBound - start)
        }
        return .concatenate(parts, axis: 0)
    }

    /// Some vectors, `[rows, width]`.
    private func gathered(_ rows: [Int]) -> Tensor {
        Tensor(doubles(rows).map { Float($0) }, shape: [rows.count, width])
    }

    /// Some vectors one after the other in Double, less `origin` if there is one.
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

    /// Throws ``EvaluationError`` unless both sets have one width and at least `count` vectors, all finite.
    static func check(_ metric: String, _ first: Features, _ second: Features, atLeast count: Int) throws {
        guard first.width == second.width, min(first.count, second.count) >= count else {
            throw EvaluationError.unsuitableFeatures(
                metric: metric, expected: "at least \(count) feature vectors of one width on both sides",
                found: "\(first.count) of \(first.width) and \(second.count) of \(second.width)")
        }
        let nonFinite = (first.chunks + second.chunks).reduce(0) { $0 + $1.nonFiniteCount() }
        guard nonFinite == 0 else {
            throw EvaluationError.unsuitableFeatures(
                metric: metric, expected: "finite features", found: "\(nonFinite) numbers that are not")
        }
    }
}
