import Foundation

/// Mutates inputs of a format into nearly valid ones.
struct Mutator: Sendable {
    private let format: FuzzedReader.Format
    /// JSON values of the seeds, which replace other values.
    private let values: [[UInt8]]

    init(_ format: FuzzedReader.Format, seeds: [Data]) {
        self.format = format
        var values = Set<[UInt8]>()
        for seed in seeds {
            let bytes = [UInt8](seed)
            for line in format == .jsonLines ? bytes.split(separator: 10).map(Array.init) : [bytes] {
                guard format == .json || format == .jsonLines, let spans = JSONSpans(line) else { continue }
                values.formUnion(spans.values.filter { $0.count < 200 }.map { Array(line[$0]) })
            }
        }
        self.values = values.sorted { $0.lexicographicallyPrecedes($1) }.suffix(2000)
    }

    /// A mutated copy of `input`, into which parts of `other` may be spliced.
    func mutated(_ input: [UInt8], with other: [UInt8], using random: inout FuzzingRandom) -> [UInt8] {
        var result = input
        for _ in 0...random.below(4) {
            switch format {
            case .json where !random.once(in: 6): JSONMutation.apply(to: &result, values, using: &random)
            case .jsonLines where !random.once(in: 6): changeLine(of: &result, using: &random)
            case .safetensors where !random.once(in: 8): SafetensorsMutation.apply(to: &result, using: &random)
            case .text where !random.once(in: 4): TextMutation.apply(to: &result, using: &random)
            default: ByteMutation.apply(to: &result, with: other, using: &random)
            }
        }
        return result
    }

    private func changeLine(of input: inout [UInt8], using random: inout FuzzingRandom) {
        var lines = input.split(separator: 10, omittingEmptySubsequences: false).map(Array.init)
        let index = random.below(lines.count)
        switch random.below(8) {
        case 0: lines.insert(lines[random.below(lines.count)], at: index)
        case 1 where lines.count > 1: lines.remove(at: index)
        default: JSONMutation.apply(to: &lines[index], values, using: &random)
        }
        input = Array(lines.joined(separator: [10]))
    }
}

/// Mutations of bytes, independent of the format.
enum ByteMutation {
    static func apply(to input: inout [UInt8], with other: [UInt8], using random: inout FuzzingRandom) {
        let place = random.below(input.count)
        switch random.below(9) {
        case 0 where !input.isEmpty: input[place] ^= 1 << UInt8(random.below(8))
        case 1 where !input.isEmpty: input[place] = UInt8(random.below(256))
        case 2 where !input.isEmpty: input[place] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)]
        case 3 where input.count >= 4:
            let start = random.below(input.count - 3)
            let numbers: [UInt32] = [0, 1, .max, 0x7fff_ffff, 0x8000_0000, 0x7fc0_0000, 0x7f80_0000, 0x10000]
            let number = numbers[random.below(numbers.count)]
            withUnsafeBytes(of: random.once(in: 2) ? number : number.byteSwapped) {
                input.replaceSubrange(start..<start + 4, with: $0)
            }
        case 4: input.removeSubrange(random.range(in: input.count))
        case 5: input.insert(contentsOf: input[random.range(in: input.count)], at: random.below(input.count + 1))
        case 6: input.insert(contentsOf: other[random.range(in: other.count)], at: random.below(input.count + 1))
        case 7: input.replaceSubrange(random.range(in: input.count), with: other[random.range(in: other.count)])
        default: input.removeLast(min(input.count, random.below(random.once(in: 2) ? 8 : input.count + 1)))
        }
    }
}
