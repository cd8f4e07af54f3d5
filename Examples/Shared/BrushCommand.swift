import ArgumentParser
import DiffusionModels
import Tensor

/// A command of this package. Every error ends it with a sentence on standard error and exit code 1, or 64 for an invalid
/// option.
public protocol BrushCommand: ParsableCommand {
    /// The option names of library settings, by setting name, so that an error in a setting names its option.
    static var optionNames: [String: String] { get }
    /// The new names of options that were renamed since the previous version, by old name, both without dashes. The old names
    /// still work, with a warning.
    static var renamedOptions: [String: String] { get }
}

extension BrushCommand {
    /// No option names, by default.
    public static var optionNames: [String: String] { [:] }

    /// No renamed options, by default.
    public static var renamedOptions: [String: String] { [:] }

    /// Parses the command line and runs the command.
    public static func main() {
        var names: [String: String] = [:]
        do {
            try StandardStreams.prepare()
            let (arguments, warnings) = withNewNames(Array(CommandLine.arguments.dropFirst()))
            for warning in warnings { StandardError.write(line: "warning: \(warning)") }
            var command = try parseAsRoot(arguments)
            names = (type(of: command) as? any BrushCommand.Type)?.optionNames ?? [:]
            (command as? any ComputingCommand)?.computation.apply()
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

    /// The arguments with the new names of renamed options, and a warning for each old one.
    static func withNewNames(_ arguments: [String]) -> (arguments: [String], warnings: [String]) {
        var warnings: [String] = []
        let renamed = arguments.map { argument in
            guard argument.hasPrefix("--") else { return argument }
            let name = String(argument.dropFirst(2).prefix { $0 != "=" })
            guard let new = renamedOptions[name] else { return argument }
            warnings.append("--\(name) is now --\(new); the old name will be removed in the next version")
            return "--\(new)" + argument.dropFirst(2 + name.count)
        }
        return (renamed, warnings)
    }

    /// The command line that resumes an operation stopped by a signal.
    private static func resumingCommandLine() -> String {
        let resumes =
            ["distill", "distill-guidance", "train-teacher", "train-lora"].contains(_commandName)
            && !CommandLine.arguments.contains("--resume")
        let words = CommandLine.arguments + (resumes ? ["--resume"] : [])
        return words.map { word in
            word.contains(/[^A-Za-z0-9_\/.,:=+@%-]/) || word.isEmpty
                ? "'\(word.replacing("'", with: "'\\''"))'" : word
        }.joined(separator: " ")
    }

    /// The error as it is printed: an error in a setting as one in its option, a system's error as a sentence.
    static func described(_ error: any Error, _ names: [String: String]) -> any Error {
        if let error = error as? any SettingError, let setting = error.setting, let option = names[setting.name] {
            return ValidationError("--\(option): expected \(setting.expected), found \(setting.found)")
        }
        return FileError.isForeign(error) ? Failure(description: FileError.sentence(of: error)) : error
    }
}

/// An error of the system or of Foundation, described in one sentence.
private struct Failure: Error, CustomStringConvertible {
    let description: String
}
