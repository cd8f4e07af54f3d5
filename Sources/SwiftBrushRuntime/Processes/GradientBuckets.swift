/// How the gradients of parameters are sent: in buckets of consecutive parameters. The first bucket has the last parameters, whose gradients a
/// backward pass mostly computes first. Each process adds, and updates if the optimiser is divided, consecutive elements of every bucket.
struct GradientBuckets {
    struct Bucket {
        /// Indices of parameters.
        var members: [Int] = []
        /// The number of elements.
        var size = 0
        /// Process r has the elements from `bounds[r]` to `bounds[r + 1]`.
        var bounds: [Int] = []

        /// The elements of each process.
        var chunks: [Range<Int>] { zip(bounds, bounds.dropFirst()).map { $0..<$1 } }
    }

    /// The elements whose squares `squaredNorm` adds together: no piece of so many is divided, so that norms have the same bits.
    static let piece = 65_536

    private(set) var buckets: [Bucket] = []
    /// The bucket of each parameter, and where it begins there.
    private(set) var places: [(bucket: Int, start: Int)]
    let sizes: [Int]

    /// The buckets of parameters with these numbers of elements, each of about `limit` elements, for `count` processes.
    init(_ sizes: [Int], processes count: Int, limit: Int) {
        self.sizes = sizes
        places = sizes.map { _ in (0, 0) }
        var bucket = Bucket()
        func close() {
            guard !bucket.members.isEmpty else { return }
            bucket.bounds = bounds(of: bucket, count)
            buckets.append(bucket)
            bucket = Bucket()
        }
        for index in sizes.indices.reversed() {
            if bucket.size > 0, bucket.size + sizes[index] > limit { close() }
            places[index] = (buckets.count, bucket.size)
            bucket.members.append(index)
            bucket.size += sizes[index]
        }
        close()
    }

    /// Pieces are whole, and their first elements are divided evenly.
    private func bounds(of bucket: Bucket, _ count: Int) -> [Int] {
        let starts = bucket.members.flatMap { index in
            stride(from: places[index].start, to: places[index].start + sizes[index], by: Self.piece)
        }
        var next = 0
        let inner = (1..<max(count, 1)).map { rank in
            while next < starts.count, starts[next] < rank * bucket.size / count { next += 1 }
            return next < starts.count ? starts[next] : bucket.size
        }
        return [0] + inner + [bucket.size]
    }

    /// The elements of a parameter that a process has.
    func elements(of parameter: Int, in rank: Int) -> Range<Int> {
        let (place, size) = (places[parameter], sizes[parameter])
        let bounds = buckets[place.bucket].bounds
        let start = min(max(bounds[rank] - place.start, 0), size)
        return start..<max(start, min(bounds[rank + 1] - place.start, size))
    }
}
