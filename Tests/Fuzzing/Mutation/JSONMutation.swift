import Foundation

/// Mutations of a JSON text that mostly keep it valid JSON.
enum JSONMutation {
    /// Values that readers may not expect.
    private static let literals: [[UInt8]] = [
        "0", "1", "-1", "2", "3", "7", "16", "64", "77", "1000", "65536", "1000000", "100000000", "2147483647",
        "2147483648", "-2147483648", "4294967296", "9223372036854775807", "-9223372036854775808",
        "18446744073709551615",
        "1e18", "1e19", "0.5", "-0.5", "1.5", "1e-320", "1e308", "-1e308", "1e400", "NaN", "null", "true", "false",
        "[]", "{}", "[0]", "[-1]", "[1,1]", "[null]", "[[]]", "[1,2,3,4,5,6,7,8]", "\"\"", "\"0\"", "\"1\"",
        "\"auto\"", "\"NaN\"", "\"../..\"", "\"/dev/zero\"", "\"\\u0000\"", "\"\\ud800\"",
        "\"\u{1F469}\u{200D}\u{1F52C}\"",
    ].map { Array($0.utf8) }

    static func apply(to input: inout [UInt8], _ pool: [[UInt8]], using random: inout FuzzingRandom) {
        guard let spans = JSONSpans(input), !spans.values.isEmpty else {
            return ByteMutation.apply(to: &input, with: input, using: &random)
        }
        let value = spans.values[random.below(spans.values.count)]
        switch random.below(12) {
        case 0...3: input.replaceSubrange(value, with: literals[random.below(literals.count)])
        case 4...5: input.replaceSubrange(value, with: changed(input[value], using: &random))
        case 6 where !pool.isEmpty: input.replaceSubrange(value, with: pool[random.below(pool.count)])
        case 7: input.replaceSubrange(value, with: Array(input[spans.values[random.below(spans.values.count)]]))
        case 8 where !spans.members.isEmpty: remove(spans.members[random.below(spans.members.count)], from: &input)
        case 9 where !spans.members.isEmpty:
            let member = spans.members[random.below(spans.members.count)]
            let copies = random.once(in: 8) ? random.below(300) : 1
            let copy = input[member] + [UInt8(ascii: ",")]
            input.insert(contentsOf: (0..<copies).flatMap { _ in copy }, at: member.lowerBound)
        case 10 where !spans.keys.isEmpty:
            let key = Array(input[spans.keys[random.below(spans.keys.count)]])
            input.replaceSubrange(spans.keys[random.below(spans.keys.count)], with: key)
        default:
            let depth = random.once(in: 16) ? random.below(20_000) : 1 + random.below(3)
            input.insert(contentsOf: repeatElement(UInt8(ascii: "]"), count: depth), at: value.upperBound)
            input.insert(contentsOf: repeatElement(UInt8(ascii: "["), count: depth), at: value.lowerBound)
        }
    }

    /// A nearby number, or a string with a part changed.
    private static func changed(_ value: ArraySlice<UInt8>, using random: inout FuzzingRandom) -> [UInt8] {
        let text = String(decoding: value, as: UTF8.self)
        if let number = Int(text) {
            let (low, high) = (number.multipliedReportingOverflow(by: 2), number.subtractingReportingOverflow(1))
            let others = [number &+ 1, high.partialValue, low.partialValue, -(number == .min ? 0 : number), number / 2]
            return Array("\(others[random.below(others.count)])".utf8)
        }
        if let number = Double(text) {
            return Array("\([-number, number * 10, number / 10, number + 1, number * 1e200][random.below(5)])".utf8)
        }
        guard value.count > 2 else { return Array(value) }
        var inner = Array(value.dropFirst().dropLast())
        if random.once(in: 3) {
            TextMutation.apply(to: &inner, using: &random)
        } else {
            ByteMutation.apply(to: &inner, with: inner, using: &random)
        }
        return [value[value.startIndex]] + inner + [value[value.endIndex - 1]]
    }

    /// Removes a member together with an adjacent comma.
    private static func remove(_ member: Range<Int>, from input: inout [UInt8]) {
        let comma = UInt8(ascii: ",")
        if member.upperBound < input.count, input[member.upperBound] == comma {
            input.removeSubrange(member.lowerBound...member.upperBound)
        } else if let before = input[..<member.lowerBound].lastIndex(where: { $0 > 32 }), input[before] == comma {
            input.removeSubrange(before..<member.upperBound)
        } else {
            input.removeSubrange(member)
        }
    }
}
