import ArgumentParser
import Foundation
import Tensor

extension ParsableArguments {
    /// Checks in advance that an option's output file can be written; its folder is created if it does not exist. Throws
    /// `ValidationError` with the option.
    public func checkOutput(file: URL?, _ option: String) throws {
        guard let file else { return }
        try naming(option) { try DurableFile.prepare(file) }
    }

    /// Checks in advance that an option's output folder can be written; it is created if it does not exist. Throws `ValidationError`
    /// with the option.
    public func checkOutput(folder: URL?, _ option: String) throws {
        guard let folder else { return }
        try naming(option) { try DurableFile.prepareFolder(folder) }
    }

    /// Checks that an option's input file or folder exists and is readable. Throws `ValidationError` with the option.
    public func checkInput(_ url: URL?, _ option: String) throws {
        guard let url, access(url.path, R_OK) != 0 else { return }
        throw ValidationError("\(option): \(FileError(path: url.path, operation: .reading))")
    }

    /// Checks that an option's number is in its range. Throws `ValidationError` with the option.
    public func check<Number: Comparable>(_ option: String, _ number: Number?, in range: ClosedRange<Number>) throws {
        guard let number, !range.contains(number) else { return }
        throw ValidationError("\(option): expected \(range.lowerBound) to \(range.upperBound), found \(number)")
    }

    private func naming(_ option: String, _ body: () throws -> Void) throws {
        do { try body() } catch let error as FileError { throw ValidationError("\(option): \(error)") }
    }
}
