import ArgumentParser
import Foundation
import Tensor

extension URL: @retroactive ExpressibleByArgument {
    /// The file of a path.
    public init?(argument: String) {
        if argument.isEmpty { return nil }
        self.init(filePath: argument)
    }
}

extension ParsableArguments {
    /// Looks whether a file that an option names can be written, before the work that leads to it; its folder is made where it is
    /// missing. Throws `ValidationError` with the option.
    public func checkOutput(file: URL?, _ option: String) throws {
        guard let file else { return }
        try naming(option) { try DurableFile.prepare(file) }
    }

    /// The same of a folder, which is made where it is missing.
    public func checkOutput(folder: URL?, _ option: String) throws {
        guard let folder else { return }
        try naming(option) { try DurableFile.prepareFolder(folder) }
    }

    /// Looks whether there is what an option names for reading. Throws `ValidationError` with the option.
    public func checkInput(_ url: URL?, _ option: String) throws {
        guard let url, access(url.path, R_OK) != 0 else { return }
        throw ValidationError("\(option): \(FileError(path: url.path, operation: .reading))")
    }

    /// Throws `ValidationError` with the option for a number out of its range.
    public func check<Number: Comparable>(_ option: String, _ number: Number?, in range: ClosedRange<Number>) throws {
        guard let number, !range.contains(number) else { return }
        throw ValidationError("\(option): expected \(range.lowerBound) to \(range.upperBound), found \(number)")
    }

    private func naming(_ option: String, _ body: () throws -> Void) throws {
        do { try body() } catch let error as FileError { throw ValidationError("\(option): \(error)") }
    }
}
