import ArgumentParser
import DiffusionModels
import Tensor

/// A command of this package: every error ends it with a sentence on standard error and the exit code 1, or 64 where an option is
/// wrong.
public protocol BrushCommand: ParsableCommand {
    /// The options that settings of the libraries come from, by the settings' names: an error in a setting names its option.
    static var optionNames: [String: String] { get }
    /// The new names of options that had another name in the version before, by the old ones, both without dashes. The old names
    /// still work, with a warning.
    static var renamedOptions: [String: String] { get }
}

extension BrushCommand {
    /// None.
    public static var optionNames: [String: String] { [:] }

    /// None.
    public static var renamedOptions: [String: String] { [:] }

    /// Parses the command line and runs the command.
    public static func main() {
        var names: [String: String] = [:]
        do {
            try StandardStreams.prepare()
            var command = try parseAsRoot(withNewNames(Array(CommandLine.arguments.dropFirst())))
            names = (type(of: command) as? any BrushCommand.Type)?.optionNames ?? [:]
            try command.run()
            try StandardStreams.finish()
        } catch let stop as StoppedBySignal {
            StandardError.write(line: "\(stop)")
            StandardError.write(line: "to resume: \(resumingCommandLine())")
            exit(withError: ExitCode(stop.exitCode))
        } catch {
            exit(withError: described(error, names))
        }
    }

    /// The arguments with the new names of renamed options, each with a warning.
    private static func withNewNames(_ arguments: [String]) -> [String] {
        arguments.map { argument in
            guard argument.hasPrefix("--") else { return argument }
            let name = String(argument.dropFirst(2).prefix { $0 != "=" })
            guard let new = renamedOptions[name] else { return argument }
            StandardError.write(
                line: "warning: --\(name) is now --\(new); the old name will be removed in the next version")
            return "--\(new)" + argument.dropFirst(2 + name.count)
        }
    }

    /// The command line that resumes a work which a signal stopped.
    private static func resumingCommandLine() -> String {
        let resumes =
            ["distill", "train-teacher"].contains(_commandName) && !CommandLine.arguments.contains("--resume")
        let words = CommandLine.arguments + (resumes ? ["--resume"] : [])
        return words.map { word in
            word.contains(/[^A-Za-z0-9_\/.,:=+@%-]/) || word.isEmpty
                ? "'\(word.replacing("'", with: "'\\''"))'" : word
        }.joined(separator: " ")
    }

    private static func described(_ error: any Error, _ names: [String: String]) -> any Error {
        if let error = error as? any SettingError, let setting = error.setting, let option = names[setting.name] {
            return ValidationError("--\(option): expected \(setting.expected), found \(setting.found)")
        }
        return FileError.isForeign(error) ? Failure(description: FileError.sentence(of: error)) : error
    }
}

/// An error of the system or of Foundation in words.
private struct Failure: Error, CustomStringConvertible {
    let description: String
}
