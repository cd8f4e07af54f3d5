import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Testing

/// Checks the README's snippets against the compiled ones, and its paths against the files.
@Suite("README")
struct ReadmeTests {
    private let readme: String
    private let snippets: String
    private let articles: String

    init() throws {
        readme = try String(contentsOf: Fixtures.package.appending(path: "README.md"), encoding: .utf8)
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        snippets = try String(contentsOf: folder.appending(path: "Snippets.swift"), encoding: .utf8)
        articles = try String(
            contentsOf: folder.appending(path: "Articles/DistillationArticles.swift"), encoding: .utf8)
    }

    /// Code without whitespace, which a formatter may change.
    private func bare(_ text: some StringProtocol) -> String { String(text.filter { !$0.isWhitespace }) }

    @Test("Every line of Swift code in the README is compiled")
    func compiled() {
        let blocks = readme.components(separatedBy: "```swift\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        #expect(blocks.count == 5)
        let code = bare(snippets) + bare(articles)
        for block in blocks where !block.hasPrefix(".package") {
            for line in block.split(separator: "\n") { #expect(code.contains(bare(line)), "\(line)") }
        }
    }

    @Test("Paths that the README names exist")
    func paths() throws {
        let words = readme.split { " `()|\n\"".contains($0) }.map(String.init)
        let named = words.filter { word in
            ["Sources/", "Examples/", "Tests/", "Documentation/", "Scripts/"].contains { word.hasPrefix($0) }
        }
        #expect(named.count > 10)
        for path in named {
            let url = Fixtures.package.appending(path: path)
            #expect(FileManager.default.fileExists(atPath: url.path), "\(path)")
        }
    }

    /// The snippets' paths are relative to the checkout, the working directory of `swift test`.
    @Test("The generating snippet returns a 64 × 64 image, the same every time")
    func generates() throws {
        let picture = try Snippets.generate()
        #expect((picture.width, picture.height) == (64, 64))
        #expect(try Snippets.generate() == picture)
    }
}
