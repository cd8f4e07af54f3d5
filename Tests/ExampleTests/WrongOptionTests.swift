import ArgumentParser
import Foundation
import Testing

@testable import SwiftBrushCommands

@Suite("Wrong options")
struct WrongOptionTests {
    @Test(
        "Each is refused while the command line is parsed",
        arguments: WrongOptions.textToImage + WrongOptions.training + WrongOptions.measuring)
    func parsing(_ wrong: WrongOptions) throws {
        let command = wrong.example.command
        let error = #expect(throws: (any Error).self) { try command.parseAsRoot(wrong.arguments) }
        try expect(wrong, command.described(#require(error), [:]))
    }

    /// They name files that do not exist, so that a command that misses the error ends at once.
    @Test("Each is refused before a file is read", arguments: WrongOptions.settings + WrongOptions.files)
    func running(_ wrong: WrongOptions) throws {
        var command = try wrong.example.command.parseAsRoot(wrong.arguments)
        let type = try #require(type(of: command) as? any BrushCommand.Type)
        let error = #expect(throws: (any Error).self) { try command.run() }
        try expect(wrong, type.described(#require(error), type.optionNames))
    }

    private func expect(_ wrong: WrongOptions, _ error: any Error) {
        let command = wrong.example.command
        // A list of values is printed with one per line.
        #expect(command.message(for: error).replacing(/\s*\n\s*/, with: " ") == wrong.message)
        #expect(command.exitCode(for: error) == .validationFailure)
    }
}
