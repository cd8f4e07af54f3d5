import Foundation

/// Unicode's canonical composition (NFC, UAX #15) as Hugging Face's `tokenizers` makes it, whatever the platform's Unicode.
///
/// Its tables are those of Unicode 9: a later combining mark is neither reordered nor composed there, and so ends a run
/// here. Two things that Swift 6.3's composition leaves undone are done around it: three Tibetan vowels that decompose into
/// marks are taken apart first, and the first trailing consonant of Hangul is composed afterwards.
func composedForCLIP(_ text: some Sequence<Unicode.Scalar>) -> [Unicode.Scalar] {
    let scalars = Array(text)
    // Below the first combining mark everything is composed already.
    if scalars.allSatisfy({ $0.value < 0x300 }) { return scalars }
    var result: [Unicode.Scalar] = []
    var run = String.UnicodeScalarView()
    func endRun() {
        for scalar in String(run).precomposedStringWithCanonicalMapping.unicodeScalars {
            if let composed = result.last?.composed(withTrailing: scalar) {
                result[result.count - 1] = composed
            } else {
                result.append(scalar)
            }
        }
        run = String.UnicodeScalarView()
    }
    for scalar in scalars {
        if let age = scalar.properties.age, age.major > 9 {
            endRun()
            result.append(scalar)
        } else {
            run.append(contentsOf: tibetanVowels[scalar] ?? [scalar])
        }
    }
    endRun()
    return result
}

private let tibetanVowels: [Unicode.Scalar: [Unicode.Scalar]] = [
    "\u{f73}": ["\u{f71}", "\u{f72}"], "\u{f75}": ["\u{f71}", "\u{f74}"], "\u{f81}": ["\u{f71}", "\u{f80}"],
]

extension Unicode.Scalar {
    /// The Hangul syllable of this open one and the trailing consonant U+11A8, nil for any others.
    fileprivate func composed(withTrailing other: Unicode.Scalar) -> Unicode.Scalar? {
        guard other == "\u{11a8}", (0xac00...0xd7a3).contains(value), (value - 0xac00) % 28 == 0 else { return nil }
        return Unicode.Scalar(value + 1)
    }
}
