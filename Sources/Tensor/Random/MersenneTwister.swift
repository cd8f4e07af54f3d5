/// The generator mt19937 (Matsumoto and Nishimura, 1998) with PyTorch's seeding: 32 random bits at a time.
struct MersenneTwister: Sendable, Equatable {
    private static let size = 624
    private static let shift = 397
    private(set) var words: [UInt32]
    private(set) var position: Int

    init(seed: UInt32) {
        words = [seed]
        words.reserveCapacity(Self.size)
        for i in 1..<Self.size {
            let last = words[i - 1]
            words.append(1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(i))
        }
        position = Self.size
    }

    /// A saved state; nil if it is not valid.
    init?(words: [UInt32], position: Int) {
        guard words.count == Self.size, (0...Self.size).contains(position) else { return nil }
        (self.words, self.position) = (words, position)
    }

    mutating func next() -> UInt32 {
        if position == Self.size { refill() }
        var y = words[position]
        position += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9d2c_5680
        y ^= (y << 15) & 0xefc6_0000
        return y ^ (y >> 18)
    }

    private mutating func refill() {
        let size = Self.size
        words.withUnsafeMutableBufferPointer { words in
            for i in 0..<size {
                let y = (words[i] & 0x8000_0000) | (words[(i + 1) % size] & 0x7fff_ffff)
                words[i] = words[(i + Self.shift) % size] ^ (y >> 1) ^ (y & 1 == 0 ? 0 : 0x9908_b0df)
            }
        }
        position = 0
    }
}
