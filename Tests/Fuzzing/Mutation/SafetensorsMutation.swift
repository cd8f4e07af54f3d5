import Foundation

/// Mutations of names, types, shapes, metadata and numbers in a safetensors file that mostly keep its header consistent.
enum SafetensorsMutation {
    private struct Entry {
        var name: String
        var type: String
        var shape: [Int]
        var bytes: ArraySlice<UInt8>
    }

    private static let widths = [
        "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
    ]
    private static let sizeLimit = 1 << 20

    static func apply(to input: inout [UInt8], using random: inout FuzzingRandom) {
        guard var (entries, metadata) = read(input) else {
            return ByteMutation.apply(to: &input, with: input, using: &random)
        }
        let index = random.below(entries.count)
        switch random.below(entries.isEmpty ? 1 : 12) {
        case 0:
            let keys = metadata.keys.sorted()
            guard !keys.isEmpty else { break }
            let key = keys[random.below(keys.count)]
            var text = Array((metadata[key] ?? "").utf8)
            JSONMutation.apply(to: &text, [], using: &random)
            metadata[key] = random.once(in: 8) ? nil : String(decoding: text, as: UTF8.self)
        case 1: entries.remove(at: index)
        case 2: entries[index].name = entries[random.below(entries.count)].name + (random.once(in: 2) ? "" : ".0")
        case 3: entries.append(renamed(entries[index], using: &random))
        case 4: entries[index] = renamed(entries[index], using: &random)
        case 5...6: reshape(&entries[index], using: &random)
        case 7: entries[index].shape = entries[random.below(entries.count)].shape
        case 8:
            let types = widths.keys.sorted()
            entries[index].type = types[random.below(types.count)]
        case 9: entries[index].shape = [[], [0], [1], [2], [0, 1], [1, 0, 2], [1, 1, 1, 1]][random.below(7)]
        default: fill(&entries[index], using: &random)
        }
        input = write(entries, metadata) ?? input
    }

    private static func renamed(_ entry: Entry, using random: inout FuzzingRandom) -> Entry {
        var entry = entry
        var parts = entry.name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let place = random.below(parts.count)
        switch random.below(4) {
        case 0 where parts.count > 1: parts.remove(at: place)
        case 1: parts.insert(parts[random.below(parts.count)], at: place)
        case 2:
            parts[place] =
                ["0", "1", "9", "-1", "99999999999999999999", "weight", "bias", "alpha", ""][random.below(9)]
        default:
            var bytes = Array(entry.name.utf8)
            ByteMutation.apply(to: &bytes, with: bytes, using: &random)
            parts = [String(decoding: bytes, as: UTF8.self)]
        }
        entry.name = parts.joined(separator: ".")
        return entry
    }

    private static func reshape(_ entry: inout Entry, using random: inout FuzzingRandom) {
        let extents = [0, 1, 2, 3, 4, 8, 16, 77, 320, 1024]
        switch random.below(4) {
        case 0 where !entry.shape.isEmpty: entry.shape.remove(at: random.below(entry.shape.count))
        case 1: entry.shape.insert(extents[random.below(extents.count)], at: random.below(entry.shape.count + 1))
        case 2 where entry.shape.count > 1: entry.shape.swapAt(0, random.below(entry.shape.count))
        default:
            guard !entry.shape.isEmpty else { return }
            let axis = random.below(entry.shape.count)
            let extent = entry.shape[axis]
            // Extents that wrap around are inputs too.
            let near = [max(0, extent &- 1), extent &+ 1, extent &* 2]
            entry.shape[axis] = random.once(in: 2) ? near[random.below(3)] : extents[random.below(extents.count)]
        }
    }

    private static func fill(_ entry: inout Entry, using random: inout FuzzingRandom) {
        let patterns: [[UInt8]] = [
            [0], [255], [0, 0, 0xc0, 0x7f], [0, 0, 0x80, 0x7f], [0, 0x7c], [0xff, 0xff, 0x7f, 0x7f], [1, 0, 0, 0],
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ]
        let pattern = patterns[random.below(patterns.count)]
        let range = random.once(in: 2) ? 0..<entry.bytes.count : random.range(in: entry.bytes.count)
        var bytes = Array(entry.bytes)
        for place in range { bytes[place] = pattern[place % pattern.count] }
        entry.bytes = bytes[...]
    }

    private static func read(_ input: [UInt8]) -> ([Entry], [String: String])? {
        guard input.count >= 8 else { return nil }
        let length = input.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(input.count - 8) else { return nil }
        let start = 8 + Int(length)
        guard let fields = try? JSONSerialization.jsonObject(with: Data(input[8..<start])) as? [String: Any] else {
            return nil
        }
        var entries: [Entry] = []
        for (name, field) in fields.sorted(by: { $0.key < $1.key }) {
            guard let field = field as? [String: Any], let type = field["dtype"] as? String,
                let shape = field["shape"] as? [Int], let offsets = field["data_offsets"] as? [Int], offsets.count == 2,
                0 <= offsets[0], offsets[0] <= offsets[1], offsets[1] <= input.count - start
            else { continue }
            let bytes = input[start + offsets[0]..<start + offsets[1]]
            entries.append(Entry(name: name, type: type, shape: shape, bytes: bytes))
        }
        return (entries, fields["__metadata__"] as? [String: String] ?? [:])
    }

    private static func write(_ entries: [Entry], _ metadata: [String: String]) -> [UInt8]? {
        var fields: [String: Any] = metadata.isEmpty ? [:] : ["__metadata__": metadata]
        var data: [UInt8] = []
        for entry in entries where fields[entry.name] == nil {
            let size = entry.shape.reduce(widths[entry.type] ?? 1) { size, extent in
                size.multipliedReportingOverflow(by: extent).overflow ? sizeLimit : size * extent
            }
            guard size >= 0, size <= sizeLimit else { return nil }
            let start = data.count
            data += entry.bytes.prefix(size)
            data += repeatElement(0, count: size - min(size, entry.bytes.count))
            fields[entry.name] = ["dtype": entry.type, "shape": entry.shape, "data_offsets": [start, data.count]]
        }
        guard let header = try? JSONSerialization.data(withJSONObject: fields, options: .sortedKeys) else { return nil }
        return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + [UInt8](header) + data
    }
}
