import ArgumentParser

/// A range of timesteps, written with its first and last, such as 20-980.
struct TimestepRange: ExpressibleByArgument {
    let range: Range<Int>

    init?(argument: String) {
        let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last, last < .max else { return nil }
        range = first..<last + 1
    }
}
