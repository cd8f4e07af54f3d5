import Foundation

/// A call that must throw, because of what a file, an option, a setting, or a network or loss of one's own brings.
struct WrongCall: Sendable {
    let name: String
    /// What the error's text must contain, in this order: what was called or passed, what was expected, what was found.
    let parts: [String]
    let body: @Sendable (Workbench) throws -> Void

    init(_ name: String, _ parts: String..., by body: @escaping @Sendable (Workbench) throws -> Void) {
        self.init(name, parts: parts, by: body)
    }

    init(_ name: String, parts: [String], by body: @escaping @Sendable (Workbench) throws -> Void) {
        (self.name, self.parts, self.body) = (name, parts, body)
    }

    /// All calls, in the order of the table.
    static let all =
        settings + tensors + pictures + files + models + pipeline + components + distillation + teachers + evaluation

    /// The error's text, and what is wrong with it; nil for nothing.
    func run(_ bench: Workbench) -> (text: String, failure: String?) {
        do {
            try body(bench)
            return ("", "expected an error, found none")
        } catch {
            let text = "\(error)"
            var rest = text[...]
            for part in parts {
                guard let found = rest.range(of: part) else { return (text, "expected \"\(part)\" in the error") }
                rest = rest[found.upperBound...]
            }
            return (text, nil)
        }
    }
}
