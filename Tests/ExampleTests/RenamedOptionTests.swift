import Testing

@testable import SwiftBrushCommands

@Suite("Renamed options")
struct RenamedOptionTests {
    @Test(
        "An old name stands for the new one, with a warning",
        arguments: [
            (Example.textToImage, "method", "sampler"),
            (.distill, "adapter-learning-rate", "fake-score-learning-rate"),
            (.distill, "fake-score-head-start", "fake-score-warm-up-steps"),
        ])
    func renamed(_ example: Example, old: String, new: String) {
        let warning = "--\(old) is now --\(new); the old name will be removed in the next version"
        for (given, expected) in [(["--\(old)", "1"], ["--\(new)", "1"]), (["--\(old)=1"], ["--\(new)=1"])] {
            let found = example.command.withNewNames(["a", "--seed", "2"] + given)
            #expect(found.arguments == ["a", "--seed", "2"] + expected)
            #expect(found.warnings == [warning])
        }
    }

    @Test("Only these options are renamed, to options that exist and from none that does", arguments: Example.allCases)
    func all(_ example: Example) {
        #expect(example.command.renamedOptions.count == [.textToImage: 1, .distill: 2][example, default: 0])
        for (old, new) in example.command.renamedOptions {
            #expect(example.help.contains("--\(new) "))
            #expect(!example.help.contains("--\(old) "))
        }
    }

    @Test("Other arguments stay as they are, also ones that begin with an old name")
    func others() {
        let arguments = ["method", "--methods", "ddim", "--sampler", "--method-2=x", "-method", "--", ""]
        let found = Example.textToImage.command.withNewNames(arguments)
        #expect(found.arguments == arguments)
        #expect(found.warnings.isEmpty)
    }
}
