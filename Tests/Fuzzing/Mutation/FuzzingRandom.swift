/// The SplitMix64 generator, which makes runs with the same seed reproducible.
struct FuzzingRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// A random number below `limit`, which is raised to at least 1.
    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<max(1, limit), using: &self) }

    /// True with probability 1 / `times`.
    mutating func once(in times: Int) -> Bool { below(times) == 0 }

    /// A random range within `0..<count`, more often short than long.
    mutating func range(in count: Int) -> Range<Int> {
        let start = below(count + 1)
        let length = below(once(in: 4) ? count - start + 1 : min(16, count - start) + 1)
        return start..<start + length
    }
}
