extension WrongOptions {
    /// Options of the examples that check, compare and measure.
    static let measuring: [WrongOptions] = [
        table(
            .inspect, "",
            """
            → expected a folder or file, or --students, and not both
            a --students → expected a folder or file, or --students, and not both
            a b → Unexpected argument 'b'
            a --nonsense → Unknown option '--nonsense'
            """),
        table(
            .verifyCheckpoint, "",
            """
            → Missing expected argument '--model <model>'
            --model m → Missing expected argument '--golden <golden>'
            --golden g → Missing expected argument '--model <model>'
            """),
        table(
            .verifyCheckpoint, "--model m --golden g",
            """
            --tolerance=-1 → --tolerance: expected 0.0 to 1.0, found -1.0
            --tolerance nan → --tolerance: expected 0.0 to 1.0, found nan
            --tolerance inf → --tolerance: expected 0.0 to 1.0, found inf
            --tolerance x → The value 'x' is invalid for '--tolerance <tolerance>'
            """),
        table(
            .lossContracts, "",
            """
            --nonsense → Unknown option '--nonsense'
            """),
        table(
            .newLoss, "",
            """
            extra → Unexpected argument 'extra'
            --nonsense → Unknown option '--nonsense'
            """),
        table(
            .compareLosses, "",
            """
            extra → Unexpected argument 'extra'
            pictures → Missing expected argument '--teacher <teacher>'
            pictures --teacher t --prompts p → Missing expected argument '--sheet-prompts <sheet-prompts>'
            """),
        table(
            .compareLosses, "points",
            """
            --losses → Missing value for '--losses <losses>'
            --losses none → The value 'none' is invalid for '--losses <losses>'. Please provide one of the \
            following: - sds - regression - vsd - swift-brush-v2 - prolific-dreamer - pg-sb - diff-instruct - dmd \
            - dmd-regression - dmd2 - sid - sid-lsg - sim - f-distill - lcm
            --losses vsd lcm → --losses: lcm needs more than points have; use compare-losses pictures
            --count 1 → --count: expected 2 to 100000, found 1
            --count 100001 → --count: expected 2 to 100000, found 100001
            --steps 0 → --steps: expected 1 to 1000000, found 0
            --steps 9223372036854775807 → --steps: expected 1 to 1000000, found 9223372036854775807
            --seed x → The value 'x' is invalid for '--seed <seed>': expected 0 to 18446744073709551615, or -1 \
            for a random one
            """),
        table(
            .compareLosses, "pictures --teacher t --prompts p --sheet-prompts s",
            """
            --losses → Missing value for '--losses <losses>'
            --pictures 0 → --pictures: expected 1 to 1000000000, found 0
            --teacher-pictures 0 → --teacher-pictures: expected 1 to 1000000, found 0
            --adapter-targets → Missing value for '--adapter-targets <adapter-targets>'
            """),
        table(
            .evaluate, "",
            """
            → Missing expected argument '<pictures>'
            table → Missing expected argument '<pictures> ...'
            train-alignment → Missing expected argument '<data>'
            train-alignment a → Missing expected argument '--output <output>'
            captions a → Missing expected argument '--reference <reference>'
            captions a --reference b → Missing expected argument '--classifier <classifier>'
            train-classifier a → Missing expected argument '--output <output>'
            train-classifier a --output o --epochs 0 → --epochs: expected 1 to 100000, found 0
            """),
        table(
            .evaluate, "a",
            """
            --count 0 → --count: expected 1 to 1000000000, found 0
            --count=-1 → --count: expected 1 to 1000000000, found -1
            --crop 0 → --crop: expected 1 to 16384, found 0
            --crop 16385 → --crop: expected 1 to 16384, found 16385
            --metrics frechet → --metrics frechet needs --reference
            --metrics diversity kernel → --metrics kernel needs --reference
            --metrics none → The value 'none' is invalid for '--metrics <metrics>'. Please provide one of \
            'frechet', 'frechet-floor', 'kernel', 'precision-recall' or 'diversity'.
            --resizing none → The value 'none' is invalid for '--resizing <resizing>'. Please provide one of \
            'clean' and 'pytorch-fid'.
            b → Unexpected argument 'b'
            --nonsense → Unknown option '--nonsense'
            """),
        table(
            .evaluate, "table",
            """
            a b --crop 0 → --crop: expected 1 to 16384, found 0
            a b --metrics frechet → --metrics frechet needs --reference
            """),
        table(
            .evaluate, "train-alignment a --output o",
            """
            --steps 0 → --steps: expected 1 to 1000000, found 0
            --steps 1000001 → --steps: expected 1 to 1000000, found 1000001
            --seed x → The value 'x' is invalid for '--seed <seed>': expected 0 to 18446744073709551615, or -1 \
            for a random one
            """),
    ].flatMap { $0 }
}
