import Foundation

/// Unicode's canonical composition (NFC, UAX #15) as in Hugging Face's `tokenizers`, independent of the platform's Unicode version.
///
/// `tokenizers` has the tables of Unicode 9, in which a later combining mark is neither reordered nor composed; here it ends a run.
/// Swift 6.3's composition is corrected in three more ways. Marks that decompose into marks (three Tibetan vowels, which it leaves,
/// and a Greek accent, of which it drops all after the 32nd) are decomposed first. Marks are put into canonical order first, because
/// Swift's sort takes quadratic time in their number. The first trailing consonant of Hangul is composed afterwards.
func composedForCLIP(_ text: some Sequence<Unicode.Scalar>) -> [Unicode.Scalar] {
    let scalars = Array(text)
    // Text below the first combining mark is composed already.
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
        // Appended all at once: one by one, scalars of few, long characters would take quadratic time.
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
        if scalar.value < 0x300 {
            // No mark, and older than Unicode 9.
            if !marks.isEmpty { endMarks() }
            run.append(scalar)
        } else if let age = scalar.properties.age, age.major > 9 {
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
    /// Sorted stably by combining class.
    fileprivate func inCanonicalOrder() -> [Unicode.Scalar] {
        if count < 2 { return self }
        var classes: [UInt8: [Unicode.Scalar]] = [:]
        for scalar in self { classes[scalar.properties.canonicalCombiningClass.rawValue, default: []].append(scalar) }
        return classes.sorted { $0.key < $1.key }.flatMap(\.value)
    }
}

extension Unicode.Scalar {
    /// The Hangul syllable composed of this open syllable and the trailing consonant U+11A8, nil for other scalars.
    fileprivate func composed(withTrailing other: Unicode.Scalar) -> Unicode.Scalar? {
        guard other == "\u{11a8}", (0xac00...0xd7a3).contains(value), (value - 0xac00) % 28 == 0 else { return nil }
        return Unicode.Scalar(value + 1)
    }
}
