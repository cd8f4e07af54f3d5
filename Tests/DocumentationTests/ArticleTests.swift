import DiffusionModels
import Distillation
import DistillationTesting
import Foundation
import SwiftBrushTestFixtures
import Testing

/// Checks the articles of the documentation catalogues against the compiled snippets and the files that they name.
@Suite("Articles")
struct ArticleTests {
    private static let articles = [
        "Distillation/Distillation.docc/GettingStarted.md", "Distillation/Distillation.docc/WritingALoss.md",
        "Distillation/Distillation.docc/FromPaperToCode.md",
        "Distillation/Distillation.docc/ComingFromTrainSwiftBrush.md",
        "DistillationTesting/DistillationTesting.docc/ReadingAContractReport.md",
    ]

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Fixtures.package.appending(path: "Sources/\(path)"), encoding: .utf8)
    }

    private func bare(_ text: some StringProtocol) -> String { String(text.filter { !$0.isWhitespace }) }

    @Test("Every line of Swift code in an article is compiled", arguments: articles)
    func compiled(article: String) throws {
        let snippets = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "ArticleSnippets.swift"),
            encoding: .utf8)
        let code = bare(snippets)
        let blocks = try text(article).components(separatedBy: "```swift\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
        #expect(article.contains("FromPaperToCode") || !blocks.isEmpty)
        for line in blocks.flatMap({ $0.split(separator: "\n") }) { #expect(code.contains(bare(line)), "\(line)") }
    }

    @Test("The table from paper to code names only existing files, and every loss")
    func paperToCode() throws {
        let article = try text("Distillation/Distillation.docc/FromPaperToCode.md")
        let files = article.split(separator: "`").map(String.init).filter { $0.hasSuffix(".swift") }
        #expect(files.count >= 19)
        for file in files {
            let url = Fixtures.package.appending(path: "Sources/Distillation/\(file)")
            #expect(FileManager.default.fileExists(atPath: url.path), "\(file)")
        }
        for type in SavedLoss.shippedTypes.map({ "\($0)" }) where !type.hasPrefix("CombinedLoss") {
            #expect(article.contains("``\(type)"), "\(type)")
        }
    }

    @Test("The settings of the official script are the defaults")
    func defaults() {
        let (settings, loss) = ArticleSnippets.officialSettings()
        #expect(settings == DistillationConfiguration())
        #expect(loss == VariationalScoreDistillation())
    }

    @Test("The example loss passes its contract, and the report is printed as shown in the article")
    func contracts() {
        ArticleSnippets.contract()
        let lines = "\(ArticleSnippets.report())".split(separator: "\n")
        #expect(lines[0].hasPrefix("variational-score-distillation: all 22 checks passed"))
        #expect(lines[1].hasPrefix("✓ shape                        0                  ± 0  g has the shape of x0"))
    }

    @Test("A run with an article's settings can be created on the small teacher")
    func runs() throws {
        let teacher = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-teacher"))
        let distiller = try ArticleSnippets.anotherLoss(teacher, ["a red heart"])
        #expect(distiller.configuration.fakeScoreTraining.guidanceScale == 1.5)
        #expect(distiller.student.step.timestep == 625)
    }
}
