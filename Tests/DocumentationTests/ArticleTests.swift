import DiffusionModels
import Distillation
import DistillationTesting
import Foundation
import SwiftBrushRuntime
import SwiftBrushTestFixtures
import Testing

/// Checks the articles of the documentation catalogues against the compiled snippets and the files that they name.
@Suite("Articles")
struct ArticleTests {
    /// The pages of the documentation catalogues that contain Swift code.
    private static let pages: [URL] = {
        let files = FileManager.default.enumerator(
            at: Fixtures.package.appending(path: "Sources"), includingPropertiesForKeys: nil)
        return (files?.compactMap { $0 as? URL } ?? []).filter { url in
            url.pathExtension == "md" && url.path.contains(".docc/")
                && (try? String(contentsOf: url, encoding: .utf8).contains("```swift")) == true
        }
    }()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Fixtures.package.appending(path: "Sources/\(path)"), encoding: .utf8)
    }

    private func bare(_ text: some StringProtocol) -> String { String(text.filter { !$0.isWhitespace }) }

    @Test("Every block of Swift code in a page is compiled, and run by the tests beside it", arguments: pages)
    func compiled(page: URL) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let files = try FileManager.default.contentsOfDirectory(
            at: folder.appending(path: "Articles"), includingPropertiesForKeys: nil)
        let code = try
            (files + [folder.appending(path: "Snippets.swift"), folder.appending(path: "ExtendingCode.swift")])
            .map { bare(try String(contentsOf: $0, encoding: .utf8)) }
        let blocks = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "```swift\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
        for block in blocks where !block.hasPrefix("// swift-tools-version") {
            #expect(code.contains { $0.contains(bare(block)) }, "\(block)")
        }
    }

    @Test("The libraries have articles with code")
    func articles() {
        #expect(Self.pages.count >= 20)
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
            #expect(article.contains("``\(type.prefix { $0 != "<" })"), "\(type)")
        }
    }

    @Test("The settings of the official script are the defaults")
    func defaults() {
        let (settings, loss) = DistillationArticles.officialSettings()
        #expect(settings == DistillationConfiguration())
        #expect(loss == VariationalScoreDistillation())
    }

    @Test("The example loss passes its contract, and the report is printed as shown in the article")
    func contracts() {
        DistillationArticles.contract()
        let lines = "\(DistillationArticles.report())".split(separator: "\n")
        #expect(lines[0].hasPrefix("variational-score-distillation: all 28 checks passed"))
        #expect(lines[1].hasPrefix("✓ shape                          0                  ± 0  g has the shape of x0"))
    }

    @Test("A student is distilled and saved as in the article")
    func distillation() throws {
        let folder = TemporaryFolder()
        try DistillationArticles.run(savingTo: folder.file("student"))
        #expect(try TextToImageModel(contentsOf: folder.file("student")).oneStep != nil)
    }

    @Test("A loss of one's own is read from its run")
    func loss() throws {
        let folder = TemporaryFolder()
        let teacher = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-teacher"))
        try RunDirectory(folder.file("even"), resuming: false).begin(
            Distiller(teacher: teacher, loss: DistillationArticles.EvenScoreDistillation(), prompts: ["a red heart"]))
        #expect(try DistillationArticles.rebuild(folder.file("even")) is DistillationArticles.EvenScoreDistillation)
    }

    @Test("Runs with an article's settings can be created on the small teacher")
    func runs() throws {
        let teacher = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-teacher"))
        let distiller = try DistillationArticles.anotherLoss(teacher, ["a red heart"])
        #expect(distiller.configuration.fakeScoreTraining.guidanceScale == 1.5)
        #expect(distiller.student.step.timestep == 625)
        #expect(try DistillationArticles.severalSteps(teacher, ["a red heart"]).count == 1)
        let folder = TemporaryFolder()
        let picture = try DistillationArticles.studentAdapters(teacher, ["a red heart"], folder.file("lora"))
        #expect(picture.width == 64)
        let (guided, loss) = try DistillationArticles.guidance(teacher, ["a red heart"])
        #expect(guided.oneStep == nil && loss.teacherGuidanceScale == 1)
        #expect(try DistillationArticles.resources(teacher, ["a red heart"]).configuration.batchSize == 16)
    }
}
