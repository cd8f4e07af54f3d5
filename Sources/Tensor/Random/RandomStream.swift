import Foundation

/// A stream of random numbers, passed to everything that is random, with a state that can be saved exactly.
///
/// The stream of seed s generates the numbers of `torch.manual_seed(s)` on the CPU bit for bit, except for normal numbers
/// generated 16 or more at a time: these differ by at most 5e-7 because PyTorch's vectorised logarithm and sine round differently.
public struct RandomStream: Sendable, Equatable {
    /// The seed of the stream. Like PyTorch's generator, the stream uses its low 32 bits.
    public let seed: UInt64
    private var generator: MersenneTwister
    /// The second number of the last pair of normal numbers generated one by one.
    private var spareNormal: Double?

    /// The stream of `torch.manual_seed(seed)`.
    public init(seed: UInt64) {
        self.seed = seed
        generator = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
    }

    /// An independent stream for the purpose that `label` names. It depends only on this stream's seed and on `label`, not on the
    /// numbers generated before.
    public func split(_ label: String) -> RandomStream {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in label.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return RandomStream(seed: Self.mixed(seed &+ Self.mixed(hash)))
    }

    /// An independent stream that depends only on this stream's seed and on `index`.
    public func split(_ index: Int) -> RandomStream {
        RandomStream(seed: Self.mixed(seed &+ Self.mixed(UInt64(bitPattern: Int64(index)))))
    }

    /// SplitMix64's output function (Steele, Lea and Flood, 2014).
    private static func mixed(_ x: UInt64) -> UInt64 {
        var z = x &+ 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension RandomStream {
    /// Normal random numbers with mean 0 and variance 1: `torch.randn(shape)`.
    public mutating func normal(_ shape: [Int]) -> Tensor {
        let count = elementCount(of: shape)
        if count < 16 { return Tensor((0..<count).map { _ in Float(normalOneByOne()) }, shape: shape) }
        return Tensor(shape: shape) { numbers in
            for i in 0..<count { numbers[i] = unit() }
            for start in stride(from: 0, through: count - 16, by: 16) { Self.transform(numbers, at: start) }
            if count % 16 != 0 {
                for i in count - 16..<count { numbers[i] = unit() }
                Self.transform(numbers, at: count - 16)
            }
        }
    }

    /// Uniform random numbers in `range`: `torch.rand(shape)` for 0..<1.
    public mutating func uniform(_ shape: [Int], in range: Range<Float> = 0..<1) -> Tensor {
        let (low, width) = (range.lowerBound, range.upperBound - range.lowerBound)
        return Tensor(shape: shape) { numbers in
            for i in numbers.indices { numbers[i] = unit() * width + low }
        }
    }

    /// One uniform random number in 0..<1: `torch.rand(())`.
    public mutating func unit() -> Float { Float(generator.next() & 0xff_ffff) * 0x1p-24 }

    /// One random integer in `range`, which must contain 1 to 2³² − 1 integers: `torch.randint`.
    public mutating func integer(in range: Range<Int>) -> Int {
        require(
            !range.isEmpty && range.count < 1 << 32,
            "RandomStream.integer(in:): expected a range of 1 to 4294967295 integers, found \(range)")
        return range.lowerBound + Int(generator.next() % UInt32(range.count))
    }

    /// `count` random integers in `range`.
    public mutating func integers(_ count: Int, in range: Range<Int>) -> [Int] {
        (0..<count).map { _ in integer(in: range) }
    }

    /// The numbers 0..<count in random order: `torch.randperm(count)`.
    public mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        for i in order.indices.dropLast() { order.swapAt(i, i + integer(in: 0..<count - i)) }
        return order
    }

    /// The Box–Muller transform of 16 uniform numbers in place, in the order of PyTorch's `normal_fill`.
    private static func transform(_ numbers: UnsafeMutableBufferPointer<Float>, at start: Int) {
        for i in start..<start + 8 {
            // In Double, so that PyTorch's rounding is the only one; the angle is a Float in PyTorch too.
            let radius = (-2 * log(Double(1 - numbers[i]))).squareRoot()
            let angle = Double(Float(2 * Double.pi) * numbers[i + 8])
            numbers[i] = Float(radius * cos(angle))
            numbers[i + 8] = Float(radius * sin(angle))
        }
    }

    private mutating func normalOneByOne() -> Double {
        if let spare = spareNormal.take() { return spare }
        let angle = 2 * Double.pi * unitDouble()
        let radius = (-2 * log1p(-unitDouble())).squareRoot()
        spareNormal = radius * sin(angle)
        return radius * cos(angle)
    }

    private mutating func unitDouble() -> Double {
        return Double(next() & 0x1f_ffff_ffff_ffff) * 0x1p-53
    }
}

extension RandomStream: Codable {
    private enum CodingKeys: String, CodingKey {
        case seed, words, position, spareNormal
    }

    /// Reads a saved state. Throws `DecodingError` if it is not valid.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        seed = try container.decode(UInt64.self, forKey: .seed)
        let bytes = [UInt8](try container.decode(Data.self, forKey: .words))
        let words = stride(from: 0, to: bytes.count / 4 * 4, by: 4).map { i in
            (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[i + $1]) << (8 * UInt32($1)) }
        }
        let position = try container.decode(Int.self, forKey: .position)
        guard let generator = MersenneTwister(words: words, position: position) else {
            throw DecodingError.dataCorruptedError(
                forKey: .words, in: container,
                debugDescription:
                    "expected 624 words and a position from 0 to 624, found \(words.count) and \(position)")
        }
        self.generator = generator
        spareNormal = try container.decodeIfPresent(UInt64.self, forKey: .spareNormal).map(Double.init(bitPattern:))
    }

    /// Writes the state, exactly.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(seed, forKey: .seed)
        let bytes = generator.words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        try container.encode(Data(bytes), forKey: .words)
        try container.encode(generator.position, forKey: .position)
        try container.encodeIfPresent(spareNormal?.bitPattern, forKey: .spareNormal)
    }
}

extension RandomStream: RandomNumberGenerator {
    /// 64 random bits: two of the generator's numbers, the first in the high half.
    public mutating func next() -> UInt64 {
        let high = UInt64(generator.next())
        return high << 32 | UInt64(generator.next())
    }
}
