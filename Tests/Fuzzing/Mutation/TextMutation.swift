/// Mutations of a text with kinds of characters that tokenizers treat specially.
enum TextMutation {
    private static let pieces: [[UInt8]] = [
        " ", "\n", "\r\n", "\t", "\u{a0}", "\u{85}", "\u{2028}", "\u{3000}", "'s", "'ll", "!", "<|endoftext|>",
        "<|startoftext|>", "</w>", "\u{301}", "\u{323}\u{307}", "\u{e9}", "e\u{301}", "\u{1e9b}\u{323}", "\u{ac00}",
        "\u{1100}\u{1161}\u{11a8}", "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}", "\u{1F1E9}\u{1F1EA}", "\u{200D}",
        "\u{FE0F}", "\u{130}", "\u{3a3}", "\u{df}", "\u{fb01}", "\u{0}", "\u{FFFD}", "\u{10FFFF}", "\u{feff}", "12345",
        "(", ")", "[", ":1.3)", "\\(", "BREAK", "a", "Z", "\u{6f22}",
    ].map { Array($0.utf8) }

    static func apply(to input: inout [UInt8], using random: inout FuzzingRandom) {
        let place = random.below(input.count + 1)
        switch random.below(8) {
        case 0...2: input.insert(contentsOf: pieces[random.below(pieces.count)], at: place)
        case 3: input.replaceSubrange(random.range(in: input.count), with: pieces[random.below(pieces.count)])
        case 4:
            // Superlinear run time shows only on long texts.
            let most = random.once(in: 64) ? 1 << 20 : random.once(in: 8) ? 1 << 15 : 256
            let unit =
                random.once(in: 2) ? pieces[random.below(pieces.count)] : Array(input[random.range(in: input.count)])
            guard !unit.isEmpty, input.count < most else { return }
            let copies = 1 + random.below((most - input.count) / unit.count)
            input.insert(contentsOf: (0..<copies).flatMap { _ in unit }, at: place)
        default: ByteMutation.apply(to: &input, with: input, using: &random)
        }
    }
}
