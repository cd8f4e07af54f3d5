import Foundation
import SwiftBrushTestFixtures
import Testing

/// Checks that the tests named in the support table of `Documentation/Checkpoints.md` exist.
@Suite("Checkpoints page")
struct CheckpointsPageTests {
    private let page: String
    private let sources: [String: String]

    init() throws {
        page = try String(contentsOf: Fixtures.package.appending(path: "Documentation/Checkpoints.md"), encoding: .utf8)
        let tests = Fixtures.package.appending(path: "Tests")
        var sources: [String: String] = [:]
        for case let file as URL in FileManager.default.enumerator(at: tests, includingPropertiesForKeys: nil)
            ?? .init()
        where file.pathExtension == "swift" {
            sources[file.deletingPathExtension().lastPathComponent] = try String(contentsOf: file, encoding: .utf8)
        }
        self.sources = sources
    }

    /// The rows of the support table, split into cells.
    private var rows: [[String]] {
        let table =
            page.components(separatedBy: "## Supported formats").last?.components(separatedBy: "\n## ").first ?? ""
        return table.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst(2).map { row in
            row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    @Test("Every row names at least one test, and every named test exists")
    func tests() throws {
        #expect(rows.count >= 20)
        for row in rows {
            let names = try #require(row.last).split(separator: "`").map(String.init).filter { $0.contains("Tests") }
            #expect(!names.isEmpty, "\(row)")
            for name in names {
                let parts = name.split(separator: ".").map(String.init)
                let isThere = sources[parts[0]].map { source in
                    source.contains("@Suite(") && (parts.count == 1 || source.contains("func \(parts[1])("))
                }
                #expect(isThere == true, "\(name)")
            }
        }
    }
}
