import ArgumentParser
import Foundation
import SwiftBrushCommands
import SwiftBrushTestFixtures
import Testing

/// Compares help texts with `Tests/Fixtures/help`. `REWRITE_HELP=1` in the environment rewrites these files instead.
@Suite("Help texts", .serialized)
struct HelpTests {
    private static let rewrites = ProcessInfo.processInfo.environment["REWRITE_HELP"] != nil

    @Test("The help text of each example is the golden one", arguments: Example.allCases)
    func golden(_ example: Example) throws {
        let file = Fixtures.url("help/\(example.rawValue).txt")
        if Self.rewrites { try Data(example.help.utf8).write(to: file) }
        #expect(try example.help == String(contentsOf: file, encoding: .utf8))
    }

    @Test("Every executable product is tested, and there is no other golden file")
    func products() throws {
        let manifest = try String(contentsOf: Fixtures.package.appending(path: "Package.swift"), encoding: .utf8)
        let products = manifest.matches(of: /\.executable\(name: "([^"]+)"/).map { String($0.1) }
        let names = Set(Example.allCases.map(\.rawValue))
        #expect(Set(products) == names)
        let files = try FileManager.default.contentsOfDirectory(atPath: Fixtures.url("help").path)
        #expect(Set(files) == Set(names.map { "\($0).txt" }))
    }

    @Test("Errors in settings name options that exist", arguments: Example.allCases)
    func optionNames(_ example: Example) throws {
        for command in [example.command] + example.command.configuration.subcommands {
            let names = (command as? any BrushCommand.Type)?.optionNames.values.sorted() ?? []
            for name in names { #expect(command.helpMessage().contains("--\(name) "), "\(name)") }
        }
    }
}
