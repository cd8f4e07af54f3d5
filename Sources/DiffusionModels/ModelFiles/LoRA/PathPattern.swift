/// A regular expression for layers' paths, as in PEFT's `rank_pattern` and `alpha_pattern`. Matching takes time proportional to the
/// path's length times the pattern's (Thompson 1968), since a file's pattern can be arbitrary.
///
/// Supported are characters, `.`, classes (`[0-9]`, `\d`, `\w`), groups, alternatives, `*`, `+`, `?`, `^` and `$`. It matches as PEFT's
/// `re.match(r"(.*\.)?(PATTERN)$", path)` does: the whole path, or the part after one of its dots.
struct PathPattern {
    /// The pattern is malformed or has an unsupported construct.
    struct Unsupported: Error {}

    private indirect enum Node {
        case character((Character) -> Bool)
        case sequence([Node])
        case alternatives([Node])
        case repeated(Node, atLeast: Int, isUnbounded: Bool)
        case start
        case end
    }

    private enum Instruction {
        case character((Character) -> Bool)
        /// Continues at both instructions.
        case split(Int, Int)
        case jump(Int)
        case start
        case end
        case match
    }

    private var program: [Instruction] = []

    /// Compiles a pattern. Throws ``Unsupported``.
    init(_ text: String) throws {
        var parser = Parser(rest: text[...])
        let root = try parser.alternatives()
        guard parser.rest.isEmpty, text.utf8.count <= Self.lengthLimit else { throw Unsupported() }
        append(root)
        program.append(.match)
    }

    /// The maximum length of a pattern in bytes.
    static let lengthLimit = 256

    private mutating func append(_ node: Node) {
        switch node {
        case .character(let isAllowed): program.append(.character(isAllowed))
        case .start: program.append(.start)
        case .end: program.append(.end)
        case .sequence(let parts): for part in parts { append(part) }
        case .alternatives(let choices):
            var jumps: [Int] = []
            for choice in choices.dropLast() {
                let split = program.count
                program.append(.split(split + 1, split))
                append(choice)
                jumps.append(program.count)
                program.append(.jump(0))
                program[split] = .split(split + 1, program.count)
            }
            if let last = choices.last { append(last) }
            for jump in jumps { program[jump] = .jump(program.count) }
        case .repeated(let part, let atLeast, let isUnbounded):
            let begin = program.count
            if atLeast == 0 { program.append(.split(begin + 1, begin)) }
            append(part)
            if isUnbounded, atLeast == 0 { program.append(.jump(begin)) }
            if isUnbounded, atLeast == 1 { program.append(.split(begin, program.count + 1)) }
            if atLeast == 0 { program[begin] = .split(begin + 1, program.count) }
        }
    }

    /// Whether the pattern matches a path.
    func matches(_ path: String) -> Bool {
        let characters = Array(path)
        var threads = Threads(program.count)
        for place in 0...characters.count {
            if place == 0 || characters[place - 1] == "." { follow(0, at: place, characters.count, &threads) }
            if place == characters.count { break }
            var next = Threads(program.count)
            for index in threads.waiting {
                guard case .character(let isAllowed) = program[index], isAllowed(characters[place]) else { continue }
                follow(index + 1, at: place + 1, characters.count, &next)
            }
            threads = next
        }
        return threads.isMatched
    }

    /// The instructions that wait for the next character.
    private struct Threads {
        var seen: [Bool]
        var waiting: [Int] = []
        var isMatched = false

        init(_ count: Int) { seen = Array(repeating: false, count: count) }
    }

    private func follow(_ first: Int, at place: Int, _ end: Int, _ threads: inout Threads) {
        var open = [first]
        while let index = open.popLast() {
            if threads.seen[index] { continue }
            threads.seen[index] = true
            switch program[index] {
            case .character: threads.waiting.append(index)
            case .split(let a, let b): open += [b, a]
            case .jump(let target): open.append(target)
            case .start: if place == 0 { open.append(index + 1) }
            case .end: if place == end { open.append(index + 1) }
            case .match: if place == end { threads.isMatched = true }
            }
        }
    }
}

extension PathPattern {
    /// A recursive-descent parser; groups are nested at most 32 deep.
    private struct Parser {
        var rest: Substring
        var depth = 0

        mutating func alternatives() throws -> Node {
            var choices = [try sequence()]
            while rest.first == "|" {
                rest.removeFirst()
                choices.append(try sequence())
            }
            return choices.count == 1 ? choices[0] : .alternatives(choices)
        }

        private mutating func sequence() throws -> Node {
            var parts: [Node] = []
            while let next = rest.first, next != "|", next != ")" {
                var part = try atom()
                if let sign = rest.first, "*+?".contains(sign) {
                    rest.removeFirst()
                    // Lazy quantifiers change what a group captures, not whether the pattern matches.
                    if rest.first == "?" { rest.removeFirst() }
                    part = .repeated(part, atLeast: sign == "+" ? 1 : 0, isUnbounded: sign != "?")
                }
                parts.append(part)
            }
            return .sequence(parts)
        }

        private mutating func atom() throws -> Node {
            switch rest.removeFirst() {
            case ".": return .character { _ in true }
            case "^": return .start
            case "$": return .end
            case "(": return try group()
            case "[": return .character(try characterClass())
            case "\\": return .character(try escaped())
            case "*", "+", "?", "{": throw Unsupported()
            case let plain: return .character { $0 == plain }
            }
        }

        private mutating func group() throws -> Node {
            if rest.hasPrefix("?") {
                guard rest.hasPrefix("?:") else { throw Unsupported() }
                rest.removeFirst(2)
            }
            depth += 1
            guard depth <= 32 else { throw Unsupported() }
            let inside = try alternatives()
            depth -= 1
            guard rest.popFirst() == ")" else { throw Unsupported() }
            return inside
        }

        private mutating func escaped() throws -> (Character) -> Bool {
            switch rest.popFirst() {
            case "d"?: return { $0.isASCII && $0.isNumber }
            case "w"?: return { $0.isLetter || $0.isNumber || $0 == "_" }
            case let plain? where !plain.isLetter && !plain.isNumber: return { $0 == plain }
            default: throw Unsupported()
            }
        }

        private mutating func characterClass() throws -> (Character) -> Bool {
            let isInverted = rest.first == "^"
            if isInverted { rest.removeFirst() }
            var tests: [(Character) -> Bool] = []
            while let next = rest.popFirst(), next != "]" || tests.isEmpty {
                if next == "\\" {
                    tests.append(try escaped())
                } else if rest.first == "-", let last = rest.dropFirst().first, last != "]" {
                    rest.removeFirst(2)
                    guard next <= last else { throw Unsupported() }
                    tests.append { $0 >= next && $0 <= last }
                } else {
                    tests.append { $0 == next }
                }
                if rest.isEmpty { throw Unsupported() }
            }
            return { character in tests.contains { $0(character) } != isInverted }
        }
    }
}
