import Foundation

/// Unicode's canonical composition (NFC, UAX #15) as Hugging Face's `tokenizers` makes it, whatever the platform's Unicode.
///
/// Its tables are those of Unicode 9: a later combining mark is neither reordered nor composed there, and so ends a run
/// here. Four things are done around Swift 6.3's composition: marks that decompose into marks (three Tibetan vowels, which it leaves,
/// and a Greek accent, of which it drops all behind the 32nd) are taken apart first; marks are put into canonical order first, for which
/// it takes time that grows with the square of their number; and the first trailing consonant of Hangul is composed afterwards.
func composedForCLIP(_ text: some Sequence<Unicode.Scalar>) -> [Unicode.Scalar] {
    let scalars = Array(text)
    // Below the first combining mark everything is composed already.
    if scalars.allSatisfy({ $0.value < 0x300 }) { return scalars }
    var result: [Unicode.Scalar] = []
    var run: [Unicode.Scalar] = []
    var marks: [Unicode.Scalar] = []
    func endMarks() {
        run += marks.inCanonicalOrder()
        marks.removeAll(keepingCapacity: true)
    }
    func endRun() {
        endMarks()
        // All at once: scalars that are appended to a text of few, long characters one by one take time that grows with its square.
        var text = String.UnicodeScalarView()
        text.append(contentsOf: run)
        for scalar in String(text).precomposedStringWithCanonicalMapping.unicodeScalars {
            if let composed = result.last?.composed(withTrailing: scalar) {
                result[result.count - 1] = composed
            } else {
                result.append(scalar)
            }
        }
        run.removeAll(keepingCapacity: true)
    }
    for scalar in scalars {
        if let age = scalar.properties.age, age.major > 9 {
            endRun()
            result.append(scalar)
        } else {
            for part in decomposingMarks[scalar] ?? [scalar] {
                if part.properties.canonicalCombiningClass == .notReordered {
                    endMarks()
                    run.append(part)
                } else {
                    marks.append(part)
                }
            }
        }
    }
    endRun()
    return result
}

private let decomposingMarks: [Unicode.Scalar: [Unicode.Scalar]] = [
    "\u{344}": ["\u{308}", "\u{301}"], "\u{f73}": ["\u{f71}", "\u{f72}"], "\u{f75}": ["\u{f71}", "\u{f74}"],
    "\u{f81}": ["\u{f71}", "\u{f80}"],
]

extension [Unicode.Scalar] {
    /// Sorted by combining class, those of one class in their order.
    fileprivate func inCanonicalOrder() -> [Unicode.Scalar] {
        if count < 2 { return self }
        var classes: [UInt8: [Unicode.Scalar]] = [:]
        for scalar in self { classes[scalar.properties.canonicalCombiningClass.rawValue, default: []].append(scalar) }
        return classes.sorted { $0.key < $1.key }.flatMap(\.value)
    }
}

extension Unicode.Scalar {
    /// The Hangul syllable of this open one and the trailing consonant U+11A8, nil for any others.
    fileprivate func composed(withTrailing other: Unicode.Scalar) -> Unicode.Scalar? {
        guard other == "\u{11a8}", (0xac00...0xd7a3).contains(value), (value - 0xac00) % 28 == 0 else { return nil }
        return Unicode.Scalar(value + 1)
    }
}
